import { createRandom } from "@qtune/base";
import { centralDifferences, relativeDistance } from "@qtune/testkit";
import { describe, expect, test } from "vitest";
import type { Sequence } from "./batch.ts";
import {
  buildDecoderGraph,
  createScoringProgram,
  createTrainingProgram,
  type DecoderOptions,
  type DecoderProgram,
} from "./decoder-program.ts";
import { lowRank, tinyConfig, tinyTensors } from "./tiny-model.fixture.ts";

const modules = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
const sequences: readonly Sequence[] = [
  { ids: [1, 5, 9, 13, 2], labels: [-100, -100, 9, 13, 2] },
  { ids: [1, 7, 3], labels: [-100, 7, 3] },
  { ids: [1, 30, 31, 4, 8, 6, 2], labels: [-100, -100, -100, -100, 8, -100, 2] },
];

const families = {
  llama: tinyConfig(),
  qwen2: tinyConfig({ architecture: "qwen2", qkvBias: true, tied: false }),
  qwen3: tinyConfig({ architecture: "qwen3", qkNorm: true, headDim: 6 }),
};

/** Values of every parameter, drawn from its name. */
function drawParameters(shapes: ReadonlyMap<string, number>): Record<string, Float64Array> {
  return Object.fromEntries(
    [...shapes].map(([name, size]) => {
      const random = createRandom(7, name);
      return [name, Float64Array.from({ length: size }, () => 0.3 * random.nextNormal())];
    }),
  );
}

/** Sizes of the parameters that the adapter adds. */
function parameterSizes(config: DecoderOptions["config"]): ReadonlyMap<string, number> {
  const { parameters } = buildDecoderGraph({
    config,
    tensors: tinyTensors(config),
    onLinear: lowRank(modules),
  });
  return new Map(
    parameters.map(({ name, shape }) => [
      name,
      shape.reduce<number>((size, dim) => size * Number(dim), 1),
    ]),
  );
}

async function gradientsOf(
  program: DecoderProgram,
  values: Record<string, Float64Array>,
  parts = [sequences],
) {
  program.bindParameters(values);
  let loss = 0;
  for (const part of parts) loss += (await program.run(part)).loss;
  return { loss, gradients: await program.takeGradients() };
}

describe.each(Object.entries(families))("gradients of a %s decoder", (_, config) => {
  const values = drawParameters(parameterSizes(config));

  test("equal central differences of the loss in float64, for every parameter", async () => {
    const program = await createTrainingProgram({
      config,
      tensors: tinyTensors(config),
      onLinear: lowRank(modules),
      precision: "float64",
    });
    const { gradients } = await gradientsOf(program, values);
    const lossAt = async (name: string, x: Float64Array): Promise<number> => {
      program.bindParameters({ [name]: x });
      return (await program.run(sequences)).loss;
    };
    for (const [name, gradient] of Object.entries(gradients)) {
      // Three elements of each tensor: first, middle, last.
      const indices = [0, gradient.length >> 1, gradient.length - 1];
      const x = values[name]?.slice() ?? new Float64Array();
      const numeric = await centralDifferences((changed) => lossAt(name, changed), x, {
        indices,
        step: 1e-5,
      });
      program.bindParameters({ [name]: x });
      const scale = Math.max(...gradient.map(Math.abs));
      for (const [index, slope] of numeric) {
        expect(
          Math.abs((gradient[index] ?? Number.NaN) - slope) / scale,
          `${name}[${index}]`,
        ).toBeLessThan(1e-6);
      }
    }
    await program.close();
  });

  test("agree between float32 and float64", async () => {
    const [single, double] = await Promise.all(
      (["float32", "float64"] as const).map(async (precision) => {
        const program = await createTrainingProgram({
          config,
          tensors: tinyTensors(config),
          onLinear: lowRank(modules),
          precision,
        });
        const result = await gradientsOf(program, values);
        await program.close();
        return result;
      }),
    );
    expect(relativeDistance([single?.loss ?? 0], [double?.loss ?? 1])).toBeLessThan(1e-5);
    for (const [name, gradient] of Object.entries(double?.gradients ?? {})) {
      expect(relativeDistance(gradient, single?.gradients[name] ?? []), name).toBeLessThan(1e-4);
    }
    expect(Object.keys(double?.gradients ?? {})).toHaveLength(2 * modules.length * config.layers);
  });
});

test("loss and gradients do not depend on how sequences are grouped into micro-batches", async () => {
  const config = families.llama;
  const values = drawParameters(parameterSizes(config));
  const program = await createTrainingProgram({
    config,
    tensors: tinyTensors(config),
    onLinear: lowRank(modules),
    precision: "float64",
  });
  const together = await gradientsOf(program, values);
  const apart = await gradientsOf(
    program,
    values,
    sequences.map((sequence) => [sequence]),
  );
  expect(apart.loss).toBeCloseTo(together.loss, 12);
  for (const [name, gradient] of Object.entries(together.gradients)) {
    expect(relativeDistance(gradient, apart.gradients[name] ?? []), name).toBeLessThan(1e-12);
  }
  await program.close();
});

test("attention or layers that are computed again in the reverse pass give the same gradients", async () => {
  const config = tinyConfig({ layers: 3 });
  const values = drawParameters(parameterSizes(config));
  const results = [];
  for (const recompute of ["nothing", "attention", "layers"] as const) {
    const program = await createTrainingProgram({
      config,
      tensors: tinyTensors(config),
      onLinear: lowRank(modules),
      precision: "float64",
      recompute,
    });
    results.push(await gradientsOf(program, values));
    await program.close();
  }
  const [kept, ...others] = results;
  for (const again of others) {
    expect(again.loss).toBe(kept?.loss);
    for (const [name, gradient] of Object.entries(kept?.gradients ?? {})) {
      expect(relativeDistance(gradient, again.gradients[name] ?? []), name).toBeLessThan(1e-12);
    }
  }
});

test("a fresh adapter leaves the loss bit-identical", async () => {
  const config = families.llama;
  const tensors = tinyTensors(config);
  const plain = await createScoringProgram({ config, tensors });
  const adapted = await createScoringProgram({ config, tensors, onLinear: lowRank(modules) });
  const values = drawParameters(parameterSizes(config));
  for (const [name, value] of Object.entries(values)) if (name.includes("lora_B")) value.fill(0);
  adapted.bindParameters(values);
  expect((await adapted.run(sequences)).nll).toEqual((await plain.run(sequences)).nll);
  await Promise.all([plain.close(), adapted.close()]);
});
