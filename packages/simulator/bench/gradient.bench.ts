/**
 * Gradients of one row beyond 14 qubits (ring ansatz, one layer, all Z), and how long a call takes to stop once it is
 * cancelled halfway. Prints one JSON line per size.
 * Run: node --conditions=@qtune/source packages/simulator/bench/gradient.bench.ts [threads] [float32|float64] [n …]
 */
import { allPauliZ, ringAnsatz, ringWeightCount } from "@qtune/circuit";
import { createLocalExecutor } from "../src/index.ts";

const threads = Number(process.argv[2] ?? 2);
const precision = process.argv[3] === "float64" ? "float64" : "float32";
const sizes = process.argv.length > 4 ? process.argv.slice(4).map(Number) : [16, 20, 24];

for (const n of sizes) {
  const executor = createLocalExecutor({ precision, threads });
  const batch = {
    circuit: ringAnsatz({ n, layers: 1 }),
    shared: Float64Array.from({ length: ringWeightCount({ n, layers: 1 }) }, (_, i) => Math.sin(i)),
    rows: Float64Array.from({ length: n }, (_, i) => Math.cos(i)),
    B: 1,
    observables: allPauliZ(n),
  };
  const cotangent = new Float64Array(n).fill(1);
  let ms = Number.POSITIVE_INFINITY;
  for (let i = 0; i < (n > 22 ? 2 : 4); i++) {
    const start = performance.now();
    await executor.vjp(batch, cotangent);
    ms = Math.min(ms, performance.now() - start);
  }
  const controller = new AbortController();
  let abortedAt = 0;
  setTimeout(() => {
    abortedAt = performance.now();
    controller.abort();
  }, ms / 2);
  const cancelMs = await executor.vjp(batch, cotangent, { signal: controller.signal }).then(
    () => undefined,
    () => performance.now() - abortedAt,
  );
  const round = (x: number | undefined): number | undefined =>
    x === undefined ? undefined : Number(x.toFixed(1));
  console.log(
    JSON.stringify({
      bench: "gradient",
      engine: "qtune",
      precision,
      threads,
      n,
      parameters: batch.shared.length + batch.rows.length,
      ms: round(ms),
      cancelMs: round(cancelMs),
    }),
  );
  await executor.close();
}
