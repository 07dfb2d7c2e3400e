import { createRandom } from "@qtune/base";
import { relativeDistance } from "@qtune/testkit";
import { expect, test } from "vitest";
import {
  compile,
  createGraph,
  differentiate,
  type HostHandler,
  type Tensor,
  type Value,
} from "./index.ts";
import { optimise } from "./optimise.ts";

/** Three layers y = x + tanh(x·W)·V, the second with a host operation inside. */
function buildLayers(isCheckpointed: boolean) {
  const g = createGraph();
  const parameters: Tensor[] = [];
  let x = g.input("x", "float", ["N", 4]);
  for (let layer = 0; layer < 3; layer++) {
    const input = x;
    const build = (): Tensor => {
      const w = g.parameter(`w${layer}`, [8, 4]);
      const v = g.parameter(`v${layer}`, [4, 8]);
      parameters.push(w, v);
      let inner = g.tanh(g.linear(input, w));
      if (layer === 1)
        inner = g.hostOperation({ kind: "square", inputs: [inner], outputs: [inner] })[0] ?? inner;
      return g.add(input, g.linear(inner, v));
    };
    x = isCheckpointed ? g.checkpoint(input, build) : build();
  }
  const loss = g.reduceSum(g.multiply(x, x));
  const gradients = differentiate(g, loss, parameters);
  const outputs: Record<string, Tensor> = { loss };
  parameters.forEach(({ name }, k) => (outputs[`d${name}`] = gradients[k] ?? loss));
  return { g, outputs, parameters };
}

test("a checkpoint changes no gradient, computes its part again and calls the host once", async () => {
  const results = [];
  const counts: number[] = [];
  for (const isCheckpointed of [false, true]) {
    const { g, outputs, parameters } = buildLayers(isCheckpointed);
    let calls = 0;
    const map =
      (f: (v: number, dy: number) => number): HostHandler =>
      async (list) =>
        list.map(({ inputs: [a, dy] }) => {
          const data = Float64Array.from(a?.data as Float64Array, (v, i) =>
            f(v, Number(dy?.data[i] ?? 1)),
          );
          return [{ dims: a?.dims ?? [], data }];
        });
    const square = map((v) => v * v);
    const hostOperations: Record<string, HostHandler> = {
      square: (list, options) => {
        calls += list.length;
        return square(list, options);
      },
      "square.vjp": map((v, dy) => 2 * v * dy),
    };
    const program = await compile(g, { outputs, hostOperations, precision: "float64" });
    for (const { name, shape } of parameters) {
      const random = createRandom(1, name);
      const size = shape.reduce<number>((product, dim) => product * Number(dim), 1);
      program.bindParameters({
        [name]: Float64Array.from({ length: size }, () => random.nextNormal()),
      });
    }
    const random = createRandom(2);
    const x: Value = {
      dims: [5, 4],
      data: Float64Array.from({ length: 20 }, () => random.nextNormal()),
    };
    await program.run({ x });
    results.push(await program.takeGradients());
    await program.close();
    counts.push(
      optimise(g.nodes, Object.values(outputs)).nodes.filter(({ op }) => op === "tanh").length,
    );
    expect(calls).toBe(1);
  }
  expect(counts).toEqual([3, 6]);
  const [kept = {}, again = {}] = results;
  for (const [name, gradient] of Object.entries(kept)) {
    expect(relativeDistance(gradient, again[name] ?? []), name).toBeLessThan(1e-14);
  }
  expect(Object.keys(again)).toHaveLength(6);
});
