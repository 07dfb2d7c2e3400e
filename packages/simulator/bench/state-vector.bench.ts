/**
 * One state vector: GHZ, QFT, random circuits of depth 20 and quantum volume. Prints one JSON line per case, with the
 * amplitudes per second and the share of the machine's copy rate for passes over memory.
 * Run: node --conditions=@qtune/source packages/simulator/bench/state-vector.bench.ts [threads] [float32|float64] [n …]
 */
import { createRandom } from "@qtune/base";
import type { Operation } from "@qtune/circuit";
import { createStateVector } from "../src/index.ts";
import { lowerOperations } from "../src/plan/lower.ts";

const threads = Number(process.argv[2] ?? 2);
const precision = process.argv[3] === "float64" ? "float64" : "float32";
const sizes = process.argv.length > 4 ? process.argv.slice(4).map(Number) : [16, 18, 20, 22, 24];

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
};

for (const n of sizes) {
  for (const [family, build] of Object.entries(families)) {
    const operations = build(n);
    await using state = createStateVector(n, { precision, threads });
    const items = lowerOperations(operations, {});
    let best = Number.POSITIVE_INFINITY;
    for (let repeat = 0; repeat < (n >= 22 ? 2 : 4); repeat++) {
      state.reset();
      const start = performance.now();
      await state.apply(items);
      best = Math.min(best, performance.now() - start);
    }
    const gatesPerSecond = (operations.length / best) * 1000;
    console.log(
      JSON.stringify({
        bench: family,
        engine: "qtune",
        precision,
        threads,
        n,
        gates: operations.length,
        ms: Number(best.toFixed(3)),
        amplitudesPerSecond: Number((gatesPerSecond * 2 ** n).toPrecision(3)),
      }),
    );
  }
}
