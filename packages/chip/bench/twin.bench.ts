/**
 * How close the chip model comes to real runs: total variation distance per run without and with
 * fit, beside a plain model (depolarising from the calibrated fidelities, and readout) and the
 * sampling floor. Prints the table of docs/benchmarks.md.
 *
 * Run: node --conditions=@qtune/source bench/twin.bench.ts [runs.json snapshot.json]
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import {
  type CalibrationSnapshot,
  type ChipModel,
  type RealRun,
  buildNoisyProgram,
  createSnapshot,
  exactDistribution,
  fitChip,
  newestSnapshot,
  observedKnobs,
  readChipFile,
  readRealRuns,
  samplingFloor,
  scheduleNative,
  totalVariationOf,
} from "../src/index.ts";

const root = path.resolve(fileURLToPath(import.meta.url), "../../../..");
const data = path.join(process.env["QTUNE_DATA"] ?? path.resolve(root, "../shared/data"), "chip");
const [
  runsFile = path.join(data, "real-runs.json"),
  snapshotFile = path.join(data, "wukong72-2026-03-06.json"),
] = process.argv.slice(2);

const { chip } = readChipFile(readFileSync(snapshotFile, "utf8"), { fileName: snapshotFile });
const runs = readRealRuns(readFileSync(runsFile, "utf8"), { fileName: runsFile });
const published = newestSnapshot(chip);
const ofTheDay = withReadoutOfTheDay(published);
const heldOut = ["cnot-fold-56-62-x3", "rb-q56-n88"].filter((id) =>
  runs.some((run) => run.id === id),
);
const fit = fitChip(runs, chip, heldOut.length === 0 ? {} : { exclude: heldOut });

type Predict = (run: RealRun) => Float64Array;

const models: readonly (readonly [string, Predict])[] = [
  ["plain", predictor(withoutDecay(published))],
  ["plain, day", predictor(withoutDecay(ofTheDay))],
  ["model", predictor(published)],
  ["model, day", predictor(ofTheDay)],
  ["observed, day", predictor(ofTheDay, observedKnobs)],
  ["fitted", predictor(fit.snapshot)],
];

printTable();
printDecay();
for (const { name, value, low, high, adopted, gain } of fit.parameters) {
  const note = adopted ? "" : `  offered, not adopted; gain ${(gain ?? 0).toFixed(1)}`;
  console.log(
    `${name.padEnd(28)} ${value.toFixed(4)}  [${low.toFixed(4)}, ${high.toFixed(4)}]${note}`,
  );
}

function predictor(snapshot: CalibrationSnapshot, knobs = {}): Predict {
  return (run) =>
    exactDistribution(
      buildNoisyProgram(scheduleNative(run.executed, chip.timing), { chip, snapshot, knobs }),
    );
}

function printTable(): void {
  console.log(`| run | ${models.map(([name]) => name).join(" | ")} | sampling floor |`);
  console.log(`|---|${"---|".repeat(models.length + 1)}`);
  for (const run of runs) {
    const held = heldOut.includes(run.id) ? " (held out)" : "";
    printRow(run.id + held, [run]);
  }
  printRow(
    "the three x1 runs pooled",
    runs.filter(({ id }) => /^bell|x1$/.test(id)),
  );
}

function printRow(label: string, group: readonly RealRun[]): void {
  const [first] = group;
  if (first === undefined) return;
  const counts = new Map<number, number>();
  for (const run of group) {
    for (const [outcome, count] of run.counts)
      counts.set(outcome, (counts.get(outcome) ?? 0) + count);
  }
  const shots = group.reduce((sum, run) => sum + run.shots, 0);
  const size = 2 ** first.executed.clbits;
  const own = Array.from({ length: size }, (_, outcome) => (counts.get(outcome) ?? 0) / shots);
  const cells = models.map(([, predict]) => totalVariationOf(counts, predict(first)).toFixed(3));
  console.log(`| ${label} | ${cells.join(" | ")} | ${samplingFloor(own, shots).toFixed(3)} |`);
}

/**
 * Error per pulse from P0(n) = A + B (1 − 2e)^n with the readout of the day, from the counts and
 * from each model.
 */
function printDecay(): void {
  const sequences = runs.filter(({ experiment }) => experiment === "rb");
  if (sequences.length === 0) return;
  const measured = decayOf(
    sequences.map((run) => ({
      n: lengthOf(run),
      p0: (run.counts.get(0) ?? 0) / run.shots,
      shots: run.shots,
    })),
  );
  console.log(
    `\nerror per pulse, counts: ${measured.e.toFixed(5)} +- ${measured.error.toFixed(5)}`,
  );
  for (const [name, predict] of models) {
    const { e } = decayOf(
      sequences.map((run) => ({ n: lengthOf(run), p0: predict(run)[0] ?? 0, shots: run.shots })),
    );
    console.log(
      `error per pulse, ${name.padEnd(14)} ${e.toFixed(5)}  (${((e - measured.e) / measured.error).toFixed(2)} standard errors off)`,
    );
  }
  console.log("");
}

function lengthOf(run: RealRun): number {
  return run.executed.operations.filter(({ kind }) => kind === "gate").length;
}

function decayOf(
  points: readonly { readonly n: number; readonly p0: number; readonly shots: number }[],
): { readonly e: number; readonly error: number } {
  const values = ofTheDay.qubits.find(({ id }) => id === 56)?.values;
  const [f0, f1] = [values?.readoutF0?.value ?? 1, values?.readoutF1?.value ?? 1];
  const logLikelihood = (e: number): number =>
    points.reduce((sum, { n, p0, shots }) => {
      const p = (f0 + 1 - f1) / 2 + ((f0 + f1 - 1) / 2) * (1 - 2 * e) ** n;
      return sum + shots * (p0 * Math.log(p) + (1 - p0) * Math.log(1 - p));
    }, 0);
  let [low, high] = [1e-5, 0.02];
  for (let step = 0; step < 200; step++) {
    const [left, right] = [low + (high - low) / 3, high - (high - low) / 3];
    if (logLikelihood(left) < logLikelihood(right)) low = left;
    else high = right;
  }
  const e = (low + high) / 2;
  const h = 1e-5;
  const curvature = (logLikelihood(e + h) - 2 * logLikelihood(e) + logLikelihood(e - h)) / (h * h);
  return { e, error: 1 / Math.sqrt(-curvature) };
}

/** Readout fidelities as the readout runs of the same day say. */
function withReadoutOfTheDay(snapshot: CalibrationSnapshot): CalibrationSnapshot {
  const qubits = snapshot.qubits.map((row) => {
    const values: Record<string, unknown> = { ...row.values };
    for (const run of runs.filter(({ experiment }) => experiment === "readout")) {
      const measure = run.executed.operations.find(({ kind }) => kind === "measure");
      if (measure?.kind !== "measure" || measure.qubit !== row.id) continue;
      const prepared = run.executed.operations.some(({ kind }) => kind === "gate") ? 1 : 0;
      const value = (run.counts.get(prepared) ?? 0) / run.shots;
      values[prepared === 0 ? "readoutF0" : "readoutF1"] = {
        value,
        method: "readout runs",
        time: run.finishedAt ?? snapshot.calibratedAt,
      };
    }
    return { ...row, values };
  });
  return rebuild({ ...snapshot, qubits });
}

/** Gate errors as depolarising only. */
function withoutDecay(snapshot: CalibrationSnapshot): CalibrationSnapshot {
  const qubits = snapshot.qubits.map((row) => {
    const { t1Us: _, t2Us: __, tEchoUs: ___, ...values } = row.values;
    return { ...row, values };
  });
  return rebuild({ ...snapshot, qubits });
}

function rebuild(snapshot: CalibrationSnapshot): CalibrationSnapshot {
  return createSnapshot(snapshot, (chip satisfies ChipModel).topology);
}
