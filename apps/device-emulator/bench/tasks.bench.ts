/**
 * Noisy 4-qubit tasks of 1,000 shots per second: through the daemon as a process of its own, and in this process.
 *
 *   node --conditions=@qtune/source apps/device-emulator/bench/tasks.bench.ts [circuits]
 *
 * Bar (DESIGN 9): 1,000 per second through gRPC batches, 2,000 in process, on 2 cores. A timing is printed, not asserted.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import { createChip } from "@qtune/chip";
import { type CircuitBatch, type Executor, allPauliZ, ringAnsatz } from "@qtune/circuit";
import { createChipExecutor } from "@qtune/emulator";
import { createRemoteExecutor } from "@qtune/rpc";
import { startDaemon } from "../e2e/daemon.ts";

const circuits = Number(process.argv[2] ?? 3648);
const shots = 1000;

function ringBatch(B: number): CircuitBatch {
  const circuit = ringAnsatz({ n: 4, layers: 1, ansatz: "ring" });
  const count = (role: string): number =>
    circuit.parameters.filter((each) => each.role === role).length;
  const rows = Float64Array.from({ length: B * count("row") }, (_, i) => Math.sin(i));
  const shared = Float64Array.from({ length: count("shared") }, (_, i) => 0.1 * i);
  return { circuit, B, shared, rows, observables: allPauliZ(4) };
}

async function measure(name: string, goal: number, executor: Executor): Promise<Float64Array> {
  await executor.run(ringBatch(200), { shots, seed: 1n });
  const startMs = performance.now();
  const { expectations, usage } = await executor.run(ringBatch(circuits), { shots, seed: 7n });
  const seconds = (performance.now() - startMs) / 1000;
  const rate = circuits / seconds;
  console.log(
    `${name}: ${circuits} circuits of ${shots} shots in ${seconds.toFixed(2)} s, ${rate.toFixed(0)} per second, ` +
      `${(rate / goal).toFixed(2)} of goal ${goal}; chip ${usage.chipSeconds.toFixed(1)} s, ${usage.parallelMean.toFixed(1)} side by side`,
  );
  return expectations;
}

console.log(`${availableParallelism()} processors, Node ${process.version}`);
const folder = mkdtempSync(path.join(tmpdir(), "qtune-bench-"));
const daemon = await startDaemon([
  "--listen",
  "127.0.0.1:0",
  "--data-dir",
  folder,
  "--log-level",
  "warn",
]);
const remote = createRemoteExecutor({ target: `grpc://${daemon.address}` });
const there = await measure("through gRPC", 1000, remote);
await remote.close();
await daemon.stop();
rmSync(folder, { recursive: true, force: true });
const local = createChipExecutor({ chip: createChip("wukong-72") });
const here = await measure("in process", 2000, local);
await local.close();
console.log(
  there.every((value, i) => value === here[i]) ? "both gave the same values" : "THE VALUES DIFFER",
);
