/**
 * One state vector: GHZ, QFT, random circuits of depth 20, quantum volume, one gate on the highest qubit (as far as memory
 * sets its pace, with the rate of a plain copy beside it). Prints one JSON line per case.
 * Run: node --conditions=@qtune/source packages/simulator/bench/state-vector.bench.ts [threads] [float32|float64] [family,…] [n …]
 */
import { type Random, createRandom, shuffleInPlace } from "@qtune/base";
import type { Operation } from "@qtune/circuit";
import { createStateVector } from "../src/index.ts";
import { lowerOperations } from "../src/plan/lower.ts";
import { bestOf } from "./timing.ts";

const threads = Number(process.argv[2] ?? 2);
const precision = process.argv[3] === "float64" ? "float64" : "float32";
const chosen = process.argv[4]?.split(",") ?? ["ghz", "qft", "random", "qv", "gate"];
const sizes = process.argv.length > 5 ? process.argv.slice(5).map(Number) : [16, 18, 20, 22, 24];

const gate = (name: string, qubits: number[], angles: number[] = []): Operation => ({
  kind: "gate",
  gate: name,
  qubits,
  angles,
});

const families: Readonly<Record<string, (n: number) => Operation[]>> = {
  ghz: (n) => [gate("H", [0]), ...Array.from({ length: n - 1 }, (_, i) => gate("CX", [i, i + 1]))],
  qft: (n) => {
    const operations: Operation[] = [];
    for (let i = n - 1; i >= 0; i--) {
      operations.push(gate("H", [i]));
      for (let j = i - 1; j >= 0; j--)
        operations.push(gate("CP", [j, i], [Math.PI / 2 ** (i - j)]));
    }
    for (let i = 0; i < n >> 1; i++) operations.push(gate("SWAP", [i, n - 1 - i]));
    return operations;
  },
  random: (n) => {
    const random = createRandom("random circuit", n);
    const operations: Operation[] = [];
    for (let layer = 0; layer < 20; layer++) {
      for (let i = 0; i < n; i++)
        operations.push(
          gate(
            "U3",
            [i],
            [random.nextUniform() * 3, random.nextUniform() * 6, random.nextUniform() * 6],
          ),
        );
      for (let i = layer % 2; i + 1 < n; i += 2) operations.push(gate("CX", [i, i + 1]));
    }
    return operations;
  },
  qv: (n) => {
    const random = createRandom("quantum volume", n);
    return Array.from({ length: n }, () => {
      const order = shuffleInPlace(
        Array.from({ length: n }, (_, i) => i),
        random,
      );
      return Array.from({ length: n >> 1 }, (_, i): Operation => ({
        kind: "unitary",
        qubits: order.slice(2 * i, 2 * i + 2),
        ...randomUnitary(random),
      }));
    }).flat();
  },
  gate: (n) => [gate("H", [n - 1])],
};

/** A random unitary of two qubits: normal columns, made orthonormal one after the other. */
function randomUnitary(random: Random): { re: number[]; im: number[] } {
  const [re, im] = [new Array<number>(16).fill(0), new Array<number>(16).fill(0)];
  for (let column = 0; column < 4; column++) {
    for (let row = 0; row < 4; row++) {
      re[4 * row + column] = random.nextNormal();
      im[4 * row + column] = random.nextNormal();
    }
    for (let other = 0; other <= column; other++) {
      let [dotRe, dotIm] = [0, 0];
      for (let row = 0; row < 4; row++) {
        const [a, b] = [4 * row + other, 4 * row + column];
        dotRe += re[a]! * re[b]! + im[a]! * im[b]!; // sixteen entries, as below
        dotIm += re[a]! * im[b]! - im[a]! * re[b]!;
      }
      for (let row = 0; row < 4; row++) {
        const [a, b] = [4 * row + other, 4 * row + column];
        if (other === column) {
          re[b]! /= Math.sqrt(dotRe);
          im[b]! /= Math.sqrt(dotRe);
        } else {
          const [x, y] = [re[a]!, im[a]!];
          re[b]! -= dotRe * x - dotIm * y;
          im[b]! -= dotRe * y + dotIm * x;
        }
      }
    }
  }
  return { re, im };
}

/** Rate of a plain copy of as many bytes as the state has, read and written, GB/s. */
function copyRate(bytes: number): number {
  const [from, to] = [new Float64Array(bytes / 8).fill(1), new Float64Array(bytes / 8)];
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    to.set(from);
    best = Math.min(best, performance.now() - start);
  }
  return (2 * bytes) / best / 1e6;
}

function rates(n: number, ms: number): { gbPerSecond: number; copyGbPerSecond: number } {
  const bytes = 2 ** n * (precision === "float32" ? 8 : 16);
  return {
    gbPerSecond: Number(((2 * bytes) / ms / 1e6).toFixed(1)),
    copyGbPerSecond: Number(copyRate(bytes).toFixed(1)),
  };
}

for (const n of sizes) {
  for (const [family, build] of Object.entries(families)) {
    if (!chosen.includes(family)) continue;
    const operations = build(n);
    await using state = createStateVector(n, { precision, threads });
    const items = lowerOperations(operations, {});
    // A gate alone acts on a full state: after a reset nearly all of it would be zero.
    if (family === "gate")
      await state.apply(
        lowerOperations(
          Array.from({ length: n }, (_, i) => gate("H", [i])),
          {},
        ),
      );
    const timing = await bestOf(async () => {
      if (family !== "gate") state.reset();
      await state.apply(items);
    });
    console.log(
      JSON.stringify({
        bench: family,
        engine: "qtune",
        precision,
        threads,
        n,
        gates: operations.length,
        ...timing,
        ...(family === "gate" ? rates(n, timing.ms) : {}),
      }),
    );
  }
}
