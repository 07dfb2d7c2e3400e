import { createRandom } from "@qtune/base";
import { describe, expect, test } from "vitest";
import type { BaseWeights, QuantisedKernel } from "./decoder.ts";
import { createTrainingProgram } from "./decoder-program.ts";
import { createGenerator } from "../generation/generator.ts";
import { lowRank, tinyConfig, tinyTensors } from "./tiny-model.fixture.ts";

const config = tinyConfig({ hidden: 64, ffn: 96, headDim: 16, vocab: 48, qkvBias: true });
const tensors = tinyTensors(config);
const sequences = [{ ids: [1, 5, 9, 13, 2], labels: [-100, -100, 9, 13, 2] }];

async function gradientsWith(baseWeights: BaseWeights, quantisedKernel?: QuantisedKernel) {
  const program = await createTrainingProgram({
    config,
    tensors,
    baseWeights,
    quantisedKernel,
    onLinear: lowRank(["q_proj", "v_proj"]),
  });
  for (const name of program.parameters) {
    const random = createRandom(2, name);
    const isWide = name.includes("v_proj.lora_B");
    const size = isWide ? 2 * config.kvHeads * config.headDim : 128;
    program.bindParameters({
      [name]: Float32Array.from({ length: size }, () => 0.1 * random.nextNormal()),
    });
  }
  const { loss } = await program.run(sequences);
  const gradients = await program.takeGradients();
  await program.close();
  return { loss, gradients: Object.values(gradients).flatMap((values) => [...values]) };
}

function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]): number =>
    x.reduce((sum, v, i) => sum + v * (y[i] ?? 0), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

describe("frozen weights in fewer bits", () => {
  test.each([
    ["float16", undefined, 0.002, 0.99999],
    ["int8", "integer", 0.02, 0.999],
    ["int8", "widened", 0.02, 0.999],
    ["int4", "integer", 0.1, 0.95],
    ["int4", "widened", 0.1, 0.95],
  ] as const)(
    "%s (%s) keep the loss within a share of %f and the gradient's direction within a cosine of %f",
    async (bits, kernel, share, least) => {
      const exact = await gradientsWith("float32");
      const rounded = await gradientsWith(bits, kernel);
      expect(Math.abs(rounded.loss / exact.loss - 1)).toBeLessThan(share);
      expect(cosine(rounded.gradients, exact.gradients)).toBeGreaterThan(least);
      expect(rounded.loss).not.toBe(exact.loss);
    },
  );

  test("are the same values in both kernels", async () => {
    const [integer, widened] = await Promise.all([
      gradientsWith("int8", "integer"),
      gradientsWith("int8", "widened"),
    ]);
    expect(Math.abs(integer.loss / widened.loss - 1)).toBeLessThan(0.005);
    expect(cosine(integer.gradients, widened.gradients)).toBeGreaterThan(0.999);
  });

  test("generate too", async () => {
    const generator = await createGenerator({ config, tensors, baseWeights: "float16" });
    const [result] = await generator.generate({
      promptIds: [[1, 5]],
      maxNewTokens: 4,
      stopIds: [],
    });
    expect(result?.ids).toHaveLength(4);
    await generator.close();
  });
});
