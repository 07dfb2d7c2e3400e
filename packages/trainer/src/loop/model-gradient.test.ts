import { type AdapterOptions, createAdapter } from "@qtune/adapters";
import { createRandom } from "@qtune/base";
import { type DecoderProgram, type Sequence, createTrainingProgram } from "@qtune/llm";
import { createLocalExecutor } from "@qtune/simulator";
import { afterAll, describe, expect, test } from "vitest";
import { linearSites } from "../model.ts";
import { createTinyModel, tinyNetwork } from "../tiny-model.fixture.ts";
import { createCircuitRunner } from "./circuits.ts";

const exact = createLocalExecutor({ precision: "float64", threads: 1 });
const single = createLocalExecutor({ precision: "float32", threads: 1 });
afterAll(() => Promise.all([exact.close(), single.close()]));

const model = createTinyModel();
const batch: readonly Sequence[] = [
  { ids: [1, 40, 50, 60, 2], labels: [-100, -100, 50, 60, 2] },
  { ids: [1, 70, 80, 2], labels: [-100, 70, -100, 2] },
];

const arms: readonly (readonly [string, AdapterOptions, "host" | "graph"])[] = [
  ["LoRA", { kind: "lora", rank: 2 }, "host"],
  ["ABC by an executor", { kind: "ABC", rank: 2, mpo: tinyNetwork }, "host"],
  ["ABC in the graph", { kind: "ABC", rank: 2, mpo: tinyNetwork }, "graph"],
];

describe.each(arms)("the gradient of a whole model with %s", (_, options, circuits) => {
  const adapter = createAdapter(
    { ...options, targets: ["q_proj", "v_proj"] },
    linearSites(model.config),
    { circuits },
  );
  const values = new Map(
    adapter.tensors.map(({ parameter, shape }) => {
      const random = createRandom(8, parameter);
      const size = shape.reduce((product, dim) => product * dim, 1);
      return [parameter, Float64Array.from({ length: size }, () => 0.4 * random.nextNormal())];
    }),
  );
  const compile = (precision: "float32" | "float64"): Promise<DecoderProgram> =>
    createTrainingProgram({
      config: model.config,
      tensors: model.tensors.tensors,
      onLinear: (call) => adapter.onLinear(call),
      hostOperations: createCircuitRunner(precision === "float64" ? exact : single, {}).handlers,
      precision,
      threads: 1,
    });
  const lossOf = async (program: DecoderProgram): Promise<number> => {
    program.bindParameters(Object.fromEntries(values));
    const { loss } = await program.run(batch);
    await program.takeGradients();
    return loss;
  };
  const gradientOf = async (program: DecoderProgram): Promise<Record<string, Float64Array>> => {
    program.bindParameters(Object.fromEntries(values));
    await program.run(batch);
    return program.takeGradients();
  };

  test("equals central differences in float64 for every tensor, and float32 follows", async () => {
    const program = await compile("float64");
    const coarse = await compile("float32");
    try {
      const gradients = await gradientOf(program);
      const rounded = await gradientOf(coarse);
      const step = 1e-5;
      for (const { parameter } of adapter.tensors) {
        const data = values.get(parameter)!;
        const analytic = gradients[parameter]!;
        const scale = Math.max(...analytic.map(Math.abs));
        expect(scale, parameter).toBeGreaterThan(0);
        const stride = Math.max(1, Math.floor(data.length / 2)); // two or three elements of each tensor
        for (let i = 0; i < data.length; i += stride) {
          const kept = data[i]!;
          data[i] = kept + step;
          const up = await lossOf(program);
          data[i] = kept - step;
          const down = await lossOf(program);
          data[i] = kept;
          expect(
            Math.abs((up - down) / (2 * step) - analytic[i]!) / scale,
            `${parameter}[${i}]`,
          ).toBeLessThan(1e-6);
        }
        const difference = Math.max(
          ...analytic.map((value, i) => Math.abs(value - rounded[parameter]![i]!)),
        );
        expect(difference / scale, parameter).toBeLessThan(1e-4);
      }
    } finally {
      await program.close();
      await coarse.close();
    }
  });
});
