/**
 * One state vector: GHZ, QFT, random circuits of depth 20. Prints one JSON line per case.
 * Run: node --conditions=@qtune/source packages/simulator/bench/state-vector.bench.ts [threads] [float32|float64] [n …]
 */
import { createRandom } from "@qtune/base";
import type { Operation } from "@qtune/circuit";
import { createStateVector } from "../src/index.ts";
import { lowerOperations } from "../src/plan/lower.ts";
import { bestOf } from "./timing.ts";

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
    const timing = await bestOf(async () => {
      state.reset();
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
      }),
    );
  }
}
