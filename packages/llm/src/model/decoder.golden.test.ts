import { readFile } from "node:fs/promises";
import path from "node:path";
import { relativeDistance } from "@qtune/testkit";
import { openSafetensors } from "@qtune/weights";
import { describe, expect, test } from "vitest";
import { parseModelConfig } from "../config/parse-config.ts";
import { createScoringProgram, createTrainingProgram } from "./decoder-program.ts";
import type { OnLinear } from "./on-linear.ts";

/** Written by tools/golden/decoder_golden.py, which names the versions. */
const folder = path.resolve(import.meta.dirname, "../../testdata/decoder");

interface Golden {
  readonly ids: readonly number[];
  readonly positions: readonly number[];
  readonly logits: readonly (readonly number[])[];
  readonly adapted: {
    readonly length: number;
    readonly firstLabel: number;
    readonly loss: number;
    readonly gradients: Readonly<Record<string, readonly number[]>>;
  };
}

async function openFamily(name: string) {
  const read = async (file: string): Promise<unknown> =>
    JSON.parse(await readFile(path.join(folder, name, file), "utf8"));
  const set = await openSafetensors(path.join(folder, name, "model.safetensors"));
  return {
    golden: (await read("golden.json")) as Golden,
    config: parseModelConfig(await read("config.json")),
    set,
  };
}

/** The same updates as the script: y + 2·B(A·x) on q_proj and v_proj. */
const adapt: OnLinear = ({ graph, module, path: name, x, y, inFeatures, outFeatures }) => {
  if (module !== "q_proj" && module !== "v_proj") return y;
  const a = graph.parameter(`${name}.a`, [2, inFeatures]);
  const b = graph.parameter(`${name}.b`, [outFeatures, 2]);
  return graph.add(y, graph.multiply(graph.linear(graph.linear(x, a), b), 2));
};

/** sin(k + 1)/4 over the elements; B starts at k = 1000. */
function adapterValues(name: string, size: number): Float64Array {
  const start = name.endsWith(".b") ? 1000 : 0;
  return Float64Array.from({ length: size }, (_, k) => Math.sin(start + k + 1) / 4);
}

describe.each(["llama3", "llama-yarn", "qwen2", "qwen3"])("%s as saved by transformers", (name) => {
  test.each(["float32", "float64"] as const)(
    "has the same logits at positions near and far, %s",
    async (precision) => {
      const { golden, config, set } = await openFamily(name);
      const program = await createScoringProgram({
        config,
        tensors: set.tensors,
        precision,
        returnLogits: true,
      });
      const ids = [...golden.ids, 0];
      const { logits } = await program.run([{ ids, labels: ids }]);
      golden.positions.forEach((position, k) => {
        const row = logits?.subarray(position * config.vocab, (position + 1) * config.vocab) ?? [];
        expect(relativeDistance(row, golden.logits[k] ?? []), `position ${position}`).toBeLessThan(
          1e-5,
        );
      });
      await program.close();
      await set.close();
    },
  );

  test.each([
    ["float32", 1e-4],
    ["float64", 5e-6], // the reference rounds its norms to float32
  ] as const)("has the same loss and adapter gradients, %s", async (precision, tolerance) => {
    const { golden, config, set } = await openFamily(name);
    const program = await createTrainingProgram({
      config,
      tensors: set.tensors,
      precision,
      onLinear: adapt,
    });
    const { length, firstLabel, loss, gradients } = golden.adapted;
    program.bindParameters(
      Object.fromEntries(
        Object.entries(gradients).map(([key, { length: size }]) => [key, adapterValues(key, size)]),
      ),
    );
    const ids = golden.ids.slice(0, length);
    const result = await program.run([
      { ids, labels: ids.map((id, t) => (t < firstLabel ? -100 : id)) },
    ]);
    expect(Math.abs(result.loss - loss) / loss).toBeLessThan(1e-6);
    const actual = await program.takeGradients();
    for (const [key, expected] of Object.entries(gradients)) {
      expect(relativeDistance(actual[key] ?? [], expected), key).toBeLessThan(tolerance);
    }
    await program.close();
    await set.close();
  });
});
