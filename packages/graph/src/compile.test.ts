import { createRandom } from "@qtune/base";
import { afterEach, describe, expect, test } from "vitest";
import {
  compile,
  createGraph,
  differentiate,
  interpret,
  type HostHandler,
  type Program,
  type Value,
} from "./index.ts";
import { optimise } from "./optimise.ts";
import { isSegment, partition } from "./partition.ts";

const open: Program[] = [];
afterEach(async () => {
  for (const program of open.splice(0)) await program.close();
});

function floats(dims: readonly number[], seed: number): Value {
  const random = createRandom(seed);
  const size = dims.reduce((product, dim) => product * dim, 1);
  return { dims, data: Float64Array.from({ length: size }, () => random.nextNormal()) };
}

/** A two-layer map whose first matrix is folded from two parameters, and its gradients. */
function foldedModel() {
  const g = createGraph();
  const x = g.input("x", "float", ["N", 3]);
  const left = g.parameter("left", [4, 2]);
  const right = g.parameter("right", [2, 3]);
  const folded = g.matMul(left, right);
  const loss = g.reduceSum(g.tanh(g.linear(x, folded)));
  const [dLeft, dRight] = differentiate(g, loss, [left, right]);
  if (dLeft === undefined || dRight === undefined) throw new Error("two gradients");
  return { g, outputs: { loss, dLeft, dRight } };
}

describe("a compiled program", () => {
  test("forms what depends on parameters alone once per step and sums gradients over runs", async () => {
    const { g, outputs } = foldedModel();
    const parameters = { left: floats([4, 2], 1), right: floats([2, 3], 2) };
    const program = await compile(g, { outputs, precision: "float64" });
    open.push(program);
    expect(program.report.segments.map(({ stage }) => stage)).toEqual([
      "step",
      "batch",
      "gradient",
    ]);
    program.bindParameters({
      left: parameters.left.data as Float64Array,
      right: parameters.right.data as Float64Array,
    });
    const whole = floats([5, 3], 3);
    const part = (start: number, end: number): Value => ({
      dims: [end - start, 3],
      data: whole.data.slice(3 * start, 3 * end),
    });
    const first = await program.run({ x: part(0, 2) });
    const second = await program.run({ x: part(2, 5) });
    const gradients = await program.takeGradients();
    const expected = await interpret(g, { outputs, feeds: { x: whole, ...parameters } });
    const loss = Number(first["loss"]?.data[0]) + Number(second["loss"]?.data[0]);
    expect(loss).toBeCloseTo(Number(expected["loss"]?.data[0]), 12);
    for (const name of ["dLeft", "dRight"]) {
      const wanted = expected[name]?.data as Float64Array;
      gradients[name]?.forEach((value, i) =>
        expect(value).toBeCloseTo(wanted[i] ?? Number.NaN, 12),
      );
      expect(gradients[name]).toHaveLength(wanted.length);
    }
    expect((await program.takeGradients())["dLeft"]).toEqual(new Float64Array(8));
  });

  test("is cut at host operations, and those of one level run together", async () => {
    const g = createGraph();
    const x = g.input("x", "float", ["N", 2]);
    const w = g.parameter("w", [2]);
    const cube = (input: typeof x) =>
      g.hostOperation({ kind: "cube", inputs: [input], outputs: [input] })[0] as typeof x;
    const sum = g.add(cube(g.multiply(x, w)), cube(g.multiply(x, 2)));
    const loss = g.reduceSum(g.multiply(cube(sum), 0.5));
    const [dw] = differentiate(g, loss, [w]);
    if (dw === undefined) throw new Error("one gradient");
    const batches: number[] = [];
    const each =
      (f: (x: number, dy: number) => number) =>
      async (calls: readonly { inputs: readonly Value[] }[]) => {
        batches.push(calls.length);
        return calls.map(({ inputs: [a, dy] }) => [
          {
            dims: a?.dims ?? [],
            data: Float64Array.from(a?.data as Float64Array, (v, i) =>
              f(v, Number(dy?.data[i] ?? 1)),
            ),
          },
        ]);
      };
    const hostOperations = {
      cube: each((v) => v ** 3),
      "cube.vjp": each((v, dy) => 3 * v * v * dy),
    };
    const program = await compile(g, {
      outputs: { loss, dw },
      precision: "float64",
      hostOperations,
    });
    open.push(program);
    const feed = floats([3, 2], 4);
    program.bindParameters({ w: Float64Array.of(0.3, -0.7) });
    const { loss: value } = await program.run({ x: feed });
    expect(batches).toEqual([2, 1, 1, 1]); // two cubes, the outer cube, its reverse, the reverse of the one with a parameter
    const gradients = await program.takeGradients();
    const expected = await interpret(g, {
      outputs: { loss, dw },
      feeds: { x: feed, w: { dims: [2], data: Float64Array.of(0.3, -0.7) } },
      hostOperations,
    });
    expect(Number(value?.data[0])).toBeCloseTo(Number(expected["loss"]?.data[0]), 10);
    gradients["dw"]?.forEach((v, i) => expect(v).toBeCloseTo(Number(expected["dw"]?.data[i]), 10));
  });
});

test("a value that is used in two shapes on the other side of a cut flows once", async () => {
  const g = createGraph();
  const x = g.input("x", "float", ["N", 4]);
  const doubled = g.multiply(x, 2);
  const halves = g.reshape(doubled, [-1, 2]);
  const [host = x] = g.hostOperation({ kind: "keep", inputs: [doubled], outputs: [doubled] });
  const y = g.add(g.reshape(g.add(host, doubled), [-1, 2]), halves);
  const keep: HostHandler = async (calls) =>
    calls.map(({ inputs: [value] }) => (value === undefined ? [] : [value]));
  const { nodes } = optimise(g.nodes, [y]);
  const outputs = partition(nodes, [y])
    .steps.filter(isSegment)
    .map((segment) => segment.outputs.length);
  expect(outputs).toEqual([1, 1]);
  const program = await compile(g, { outputs: { y }, hostOperations: { keep } });
  open.push(program);
  const result = await program.run({ x: { dims: [1, 4], data: Float32Array.of(1, 2, 3, 4) } });
  expect(result["y"]).toMatchObject({ dims: [2, 2], data: Float32Array.of(6, 12, 18, 24) });
});

describe("errors", () => {
  test("of shapes name both tensors and hint at a transpose", () => {
    const g = createGraph();
    const a = g.input("a", "float", [8, 64]);
    const b = g.input("b", "float", [16, 64]);
    expect(() => g.matMul(a, b)).toThrow(
      "graph.matMul: expected equal inner dimensions (64 and 16) but was given a [8, 64] and b [16, 64]; transpose b?",
    );
  });

  test("of feeds name the feed and what was given", async () => {
    const { g, outputs } = foldedModel();
    const program = await compile(g, { outputs });
    open.push(program);
    await expect(program.run({ x: floats([2, 3], 1) })).rejects.toMatchObject({
      code: "failed_precondition",
      where: "parameters.left",
    });
    program.bindParameters({ left: new Float32Array(8), right: new Float32Array(6) });
    await expect(program.run({ x: floats([2, 4], 1) })).rejects.toThrow(
      "feeds.x: expected shape [N, 3]",
    );
    expect(() => program.bindParameters({ left: new Float32Array(7) })).toThrow(
      "expected 8 values",
    );
  });

  test("of overlapping calls say so", async () => {
    const g = createGraph();
    const x = g.input("x", "float", [2]);
    const program = await compile(g, { outputs: { y: g.multiply(x, 2) } });
    open.push(program);
    const feeds = { x: { dims: [2], data: Float32Array.of(1, 2) } };
    const [first, second] = await Promise.allSettled([program.run(feeds), program.run(feeds)]);
    expect(first?.status).toBe("fulfilled");
    expect(second).toMatchObject({ reason: { code: "failed_precondition" } });
    expect((await program.run(feeds))["y"]?.data).toEqual(Float32Array.of(2, 4));
  });

  test("of operations without a derivative say why", () => {
    const g = createGraph();
    const x = g.parameter("x", [2]);
    const stopped = g.accumulate(x);
    expect(() => differentiate(g, g.reduceSum(stopped), [x])).toThrow(
      "accumulate has no derivative",
    );
  });
});
