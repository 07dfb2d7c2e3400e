/**
 * Times four-qubit ring circuits through the chip executor, part by part.
 *
 * Usage: node --conditions=@qtune/source bench/throughput.bench.ts [circuits] [shots]
 */
import { createChip } from "@qtune/chip";
import { type CircuitBatch, allPauliZ, ringAnsatz } from "@qtune/circuit";
import { createChipExecutor } from "../src/chip-executor.ts";
import { planChipBatch, prepareChipBatch, rowLookup } from "../src/chip-run.ts";
import { createTaskRunner } from "../src/task-runner.ts";

const [circuits = 3648, shots = 1000] = process.argv.slice(2).map(Number);
const chip = createChip("wukong-72");
const batch: CircuitBatch = {
  circuit: ringAnsatz({ n: 4, layers: 1 }),
  shared: Float64Array.from({ length: 16 }, (_, i) => Math.cos(i)),
  rows: Float64Array.from({ length: circuits * 4 }, (_, i) => Math.sin(i)),
  B: circuits,
  observables: allPauliZ(4),
};

let start = performance.now();
const lap = (what: string) => {
  const now = performance.now();
  console.log(`${what.padEnd(28)} ${(now - start).toFixed(0).padStart(7)} ms`);
  start = performance.now();
};

const prepared = prepareChipBatch(batch, { chip, shots, seed: 1n, wantsCounts: false });
lap("prepare");
const plan = planChipBatch(prepared, { chip });
lap("plan");
const runner = createTaskRunner({ chip });
const lookup = rowLookup(batch);
const circuit = prepared.measurement.measured[0]?.circuit;
if (circuit === undefined) throw new Error("nothing to measure");
for (const job of plan.jobs) {
  for (const { items } of job.executions) {
    for (const { item, place } of items) {
      const where = plan.places[0]?.[place];
      if (where !== undefined) runner.program({ circuit, values: lookup(item), place: where });
    }
  }
}
lap("compile and bind");
const executor = createChipExecutor({ chip });
const { usage } = await executor.run(batch, { shots, seed: 1n });
const seconds = (performance.now() - start) / 1000;
lap("run, all of it");
console.log(
  `${circuits} circuits of 4 qubits x ${shots} shots: ${(circuits / seconds).toFixed(0)} circuits per second`,
);
console.log(usage);
