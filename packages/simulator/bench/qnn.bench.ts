/**
 * The quantum layer of the adapters: values, and values with gradients to inputs and weights, over the grid of sizes.
 * Prints one JSON line per case. Run: node --conditions=@qtune/source packages/simulator/bench/qnn.bench.ts [threads] [n L B]
 */
import { type CircuitBatch, allPauliZ, ringAnsatz, ringWeightCount } from "@qtune/circuit";
import { createLocalExecutor } from "../src/index.ts";
import { bestOf } from "./timing.ts";

const threads = Number(process.argv[2] ?? 2);
const [oneN, oneL, oneB] = process.argv.slice(3).map(Number);
const grid = {
  n: oneN === undefined ? [4, 6, 8, 10] : [oneN],
  L: oneL === undefined ? [1, 2, 4] : [oneL],
  B: oneB === undefined ? [64, 512, 4096] : [oneB],
};

for (const n of grid.n) {
  for (const L of grid.L) {
    for (const B of grid.B) {
      const executor = createLocalExecutor({ precision: "float32", threads });
      const batch: CircuitBatch = {
        circuit: ringAnsatz({ n, layers: L }),
        shared: Float64Array.from({ length: ringWeightCount({ n, layers: L }) }, (_, i) =>
          Math.sin(i),
        ),
        rows: Float64Array.from({ length: B * n }, (_, i) => Math.cos(i)),
        B,
        observables: allPauliZ(n),
      };
      const cotangent = new Float64Array(B * n).fill(1);
      // Short calls are timed by the dozen: the clock of processor time is coarse.
      const repeats = Math.max(1, Math.floor(2 ** (18 - n) / (B * L)));
      const forward = await bestOf(() => executor.run(batch), repeats);
      const gradient = await bestOf(() => executor.vjp(batch, cotangent), repeats);
      console.log(
        JSON.stringify({
          bench: "qnn",
          engine: "qtune",
          precision: "float32",
          threads,
          n,
          L,
          B,
          sum: Number(
            (await executor.run(batch)).expectations.reduce((a, b) => a + b, 0).toFixed(3),
          ),
          forward,
          gradient,
        }),
      );
      await executor.close();
    }
  }
}
