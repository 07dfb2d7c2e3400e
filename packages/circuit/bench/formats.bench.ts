/**
 * Print and parse one million gates in each text form, each in a process of its own. Goal: 2 s and 1 GB each.
 *
 * Run: node --conditions=@qtune/source packages/circuit/bench/formats.bench.ts
 * With Qiskit beside it (OpenQASM 2, the same text): QTUNE_QISKIT_PYTHON=/path/to/venv/bin/python; such an environment is
 * made by `python3 -m venv venv && venv/bin/pip install qiskit==2.6.2`.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { createRandom } from "@qtune/base";
import {
  type CircuitFormat,
  circuitFormats,
  printCircuit,
  randomCircuit,
  readCircuit,
} from "../src/index.ts";

const gates = 1_000_000;
const goalSeconds = 2;

/** Runs something and prints its time and the peak memory of this process. */
function report<T>(label: string, run: () => T): T {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const result = run();
  const seconds = (performance.now() - start) / 1e3;
  const { user, system } = process.cpuUsage(cpu);
  const peakGb = (process.resourceUsage().maxRSS * 1024) / 1e9;
  console.log(
    `${label.padEnd(16)} ${seconds.toFixed(2)} s (${((user + system) / 1e6).toFixed(2)} s of processor)  ` +
      `${(goalSeconds / seconds).toFixed(1)}x the goal  peak ${peakGb.toFixed(2)} GB`,
  );
  return result;
}

function measure(format: CircuitFormat, mode: string, file: string): void {
  if (mode === "print") {
    const from = ["H", "RZ", "SQRT_X", "X", "CX", "U3", "RY", "CZ"];
    const circuit = randomCircuit({ n: 50, gates, random: createRandom(1), from });
    writeFileSync(
      file,
      report(`${format} print`, () => printCircuit(circuit, format)),
    );
    return;
  }
  const text = readFileSync(file, "utf8");
  const { circuit } = report(`${format} parse`, () => readCircuit(text, { format }));
  if (circuit?.operations.length !== gates) throw new Error(`${format}: not all gates came back`);
}

/** What Qiskit takes for the same text; `dumps` is its printer. */
const qiskit = `
import resource, sys, time
import qiskit
from qiskit import qasm2
text = open(sys.argv[1]).read()
def report(label, run):
    start, cpu = time.perf_counter(), time.process_time()
    result = run()
    seconds, used = time.perf_counter() - start, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    print(f"{label:16} {seconds:.2f} s ({used:.2f} s of processor)  peak {peak:.2f} GB  (qiskit {qiskit.__version__})")
    return result
circuit = report("Qiskit parse", lambda: qasm2.loads(text, custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS))
report("Qiskit print", lambda: qasm2.dumps(circuit))
assert len(circuit.data) == ${gates}
`;

const [format, mode, file] = process.argv.slice(2);
if (format === undefined || mode === undefined || file === undefined) {
  const folder = mkdtempSync(path.join(tmpdir(), "qtune-formats-"));
  for (const one of circuitFormats) {
    for (const step of ["print", "parse"])
      spawnSync(
        process.execPath,
        [
          "--conditions=@qtune/source",
          fileURLToPath(import.meta.url),
          one,
          step,
          path.join(folder, one),
        ],
        { stdio: "inherit" },
      );
  }
  const python = process.env["QTUNE_QISKIT_PYTHON"];
  if (python === undefined) console.log("Qiskit: skipped, QTUNE_QISKIT_PYTHON names no Python");
  else spawnSync(python, ["-c", qiskit, path.join(folder, "qasm2")], { stdio: "inherit" });
  rmSync(folder, { recursive: true, force: true });
} else {
  measure(format as CircuitFormat, mode, file); // given by the run above
}
