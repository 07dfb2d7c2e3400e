import { createRandom } from "@qtune/base";
import { describe, expect, test } from "vitest";
import { factoriseWidth } from "./modes.ts";
import {
  type TensorTrainShape,
  coreShapes,
  countTensorTrain,
  denseTensorTrain,
} from "./tensor-train.ts";

describe("factoriseWidth", () => {
  test.each([
    [256, [4, 4, 4, 4]],
    [512, [8, 4, 4, 4]],
    [2560, [8, 8, 8, 5]],
    [27648, [27, 16, 8, 8]],
    [128, [4, 4, 4, 2]],
    [896, [8, 7, 4, 4]],
    [1536, [8, 8, 6, 4]],
  ])("splits %i into %j", (width, modes) => expect(factoriseWidth(width, 4)).toEqual(modes));

  test.each([192, 960, 1408, 4864, 6144, 8192, 14336])("splits %i without remainder", (width) => {
    expect(factoriseWidth(width, 4).reduce((product, mode) => product * mode, 1)).toBe(width);
  });

  test("says which width does not split", () => {
    expect(() => factoriseWidth(2 * 1009, 4)).toThrow(
      /2018; name its modes in adapter\.mpo\.modes/,
    );
  });
});

test("a matrix of 4096 by 256 has the published number of parameters", () => {
  const shape = { input: [8, 8, 8, 8], output: [4, 4, 4, 4], ranks: [1, 8, 8, 8, 1] };
  expect(countTensorTrain(shape)).toBe(4608);
  expect(countTensorTrain({ ...shape, input: shape.output, output: shape.input })).toBe(4608);
});

test("the dense matrix equals the sum over all bonds written out", () => {
  const shape: TensorTrainShape = { input: [3, 2], output: [2, 2], ranks: [1, 2, 1] };
  const random = createRandom(4);
  const cores = coreShapes(shape).map(({ rows, columns }) =>
    Float64Array.from({ length: rows * columns }, () => random.nextNormal()),
  );
  const dense = denseTensorTrain(cores, shape);
  // D[(n0 n1), (m0 m1)] = Σ_R core0[(n0, R), m0] · core1[n1, (R, m1)]
  for (let n0 = 0; n0 < 2; n0++)
    for (let n1 = 0; n1 < 2; n1++)
      for (let m0 = 0; m0 < 3; m0++)
        for (let m1 = 0; m1 < 2; m1++) {
          let sum = 0;
          for (let R = 0; R < 2; R++)
            sum += cores[0]![(n0 * 2 + R) * 3 + m0]! * cores[1]![n1 * 4 + R * 2 + m1]!;
          expect(dense[(n0 * 2 + n1) * 6 + m0 * 2 + m1]).toBeCloseTo(sum, 12);
        }
});
