/**
 * Parse and print one million gates in each text form, each form in a process of its own. Goal: 2 s and 1 GB each.
 * The processor time counts, which a busy machine disturbs less than the wall clock; it includes garbage collection.
 *
 * Run: node --conditions=@qtune/source packages/circuit/bench/formats.bench.ts
 */
import { spawnSync } from "node:child_process";
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

interface Timing {
  readonly wall: number;
  readonly cpu: number;
}

function time(run: () => void): Timing {
  const cpu = process.cpuUsage();
  const start = performance.now();
  run();
  const { user, system } = process.cpuUsage(cpu);
  return { wall: (performance.now() - start) / 1e3, cpu: (user + system) / 1e6 };
}

function measure(format: CircuitFormat): void {
  const from = ["H", "RZ", "SQRT_X", "X", "CX", "U3", "RY", "CZ"];
  let text = "";
  const print = time(() => {
    text = printCircuit(randomCircuit({ n: 50, gates, random: createRandom(1), from }), format);
  });
  const draw = time(() => void randomCircuit({ n: 50, gates, random: createRandom(1), from }));
  let parsed = 0;
  const parse = time(() => {
    parsed = readCircuit(text, { format }).circuit?.operations.length ?? 0;
  });
  const peakGb = (process.resourceUsage().maxRSS * 1024) / 1e9;
  const show = ({ wall, cpu }: Timing): string =>
    `${cpu.toFixed(2)} s cpu (${wall.toFixed(2)} wall)`;
  const printed = { wall: print.wall - draw.wall, cpu: print.cpu - draw.cpu };
  console.log(
    `${format.padEnd(10)} ${(text.length / 1e6).toFixed(1)} MB  print ${show(printed)}  parse ${show(parse)}  ` +
      `${((2 / parse.cpu) * 1).toFixed(2)} of goal  peak ${peakGb.toFixed(2)} GB  ${parsed === gates ? "ok" : "WRONG"}`,
  );
}

const only = process.argv[2] as CircuitFormat | undefined; // one of circuitFormats, given by the run below
if (only === undefined) {
  for (const format of circuitFormats) {
    spawnSync(
      process.execPath,
      ["--conditions=@qtune/source", fileURLToPath(import.meta.url), format],
      { stdio: "inherit" },
    );
  }
} else {
  measure(only);
}
