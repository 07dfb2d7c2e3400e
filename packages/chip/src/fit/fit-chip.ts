/**
 * Fits a chip's calibration to counts of real runs: readout, incoherent extra factors, and coherent
 * errors where the counts ask for them, by joint maximum likelihood with 95 % intervals. A part of
 * the runs is held out and reported, so that the fit cannot praise itself. Never used: results that
 * the vendor has corrected.
 */
import { type Issue, QtuneError, printIssue, suggest } from "@qtune/base";
import { type CalibrationSnapshot, createSnapshot } from "../calibration.ts";
import { addSnapshot, type ChipModel, newestSnapshot, validateScheduled } from "../chip-model.ts";
import { type FitParameter, planParameters } from "./fit-parameters.ts";
import {
  type CountsModel,
  type Maximum,
  maximiseLikelihood,
  profileInterval,
  standardErrors,
} from "./maximise.ts";
import { chooseHeldOut } from "./hold-out.ts";
import type { RealRun } from "./real-runs.ts";
import { type ReadyRun, type RunReport, reportRuns } from "./report-runs.ts";
import { applyParameters, createRunModel } from "./run-model.ts";
import { scheduleNative } from "./schedule-native.ts";

/** Options of {@link fitChip}. */
export interface FitOptions {
  /** Default: the newest of the chip. */
  readonly snapshot?: CalibrationSnapshot;
  /** Ids of runs that are not used but reported. Default: chosen by {@link chooseHeldOut}. */
  readonly exclude?: readonly string[];
  /**
   * What to do with coherent errors and correlated readout. `auto` (default): the phases of CZ join
   * where they improve the likelihood beyond chance and the runs have several numbers of CZ; the
   * rest is reported but left out of the snapshot. Runs of one length cannot tell a coherent error
   * from an incoherent one, and the wrong one of the two extrapolates badly. `report` leaves all of
   * them out, `adopt` lets any join.
   */
  readonly coherent?: "auto" | "report" | "adopt";
}

/** A parameter after the fit, with its 95 % interval. */
export interface FittedParameter {
  readonly name: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** What the snapshot said before. */
  readonly before: number;
  /**
   * Whether it is part of the fitted snapshot. If not, value and interval are what it would have,
   * joined alone.
   */
  readonly adopted: boolean;
  /**
   * Twice the gain of log-likelihood when an offered parameter joins; over 6.6 is beyond chance at
   * 1 %.
   */
  readonly gain?: number;
}

/** What {@link fitChip} returns. */
export interface FitResult extends RunReport {
  /** The chip with the fitted snapshot as its newest. */
  readonly chip: ChipModel;
  readonly snapshot: CalibrationSnapshot;
  readonly parameters: readonly FittedParameter[];
  /** Runs that were left out altogether, and why. */
  readonly skipped: readonly { readonly id: string; readonly reason: string }[];
  readonly logLikelihood: number;
}

/**
 * An offered parameter joins when twice its gain of log-likelihood exceeds the 1 % point of χ² with
 * one degree of freedom.
 */
const joinThreshold = 6.635;

/**
 * Fits a chip to real runs.
 *
 * Effect: pure, deterministic. The fitted snapshot has kind `fitted` and names its parent.
 * Cost:   seconds for tens of runs of up to 3 qubits.
 * Errors: invalid_argument when nothing is left to fit, an excluded id does not exist, or a run
 *         does not fit the snapshot.
 */
export function fitChip(
  runs: readonly RealRun[],
  chip: ChipModel,
  options: FitOptions = {},
): FitResult {
  const snapshot = options.snapshot ?? newestSnapshot(chip);
  const heldOut = new Set(options.exclude ?? chooseHeldOut(runs));
  assertKnown(heldOut, runs);
  const { ready, skipped } = prepareRuns(runs, chip, snapshot, heldOut);
  const used = ready.filter(({ run }) => !heldOut.has(run.id));
  if (used.length === 0) {
    throw new QtuneError(
      "invalid_argument",
      "expected at least one run to fit but all are held out or skipped",
      {
        where: "runs",
      },
    );
  }
  const { model, all, offered } = createFitModel(used, chip, snapshot);
  const start = Float64Array.from(all, ({ start: value }) => value);
  const base = { maximum: maximiseLikelihood(model, start, offered), fixed: offered };
  const { maximum, fixed } = adoptOffered(model, all, base, options.coherent ?? "auto");
  const errors = standardErrors(maximum.information, all.length);
  const parameters = all.map((parameter, j) =>
    fixed.has(j)
      ? describeOffered(model, maximum, parameter, j, fixed)
      : describeFitted(model, maximum, parameter, j, { error: errors[j] ?? Infinity, fixed }),
  );
  const kept = all.flatMap((parameter, j) => (fixed.has(j) ? [] : [{ parameter, j }]));
  const time = latestTime(runs, snapshot);
  const values = applyParameters(
    snapshot,
    kept.map(({ parameter }) => parameter),
    kept.map(({ j }) => maximum.values[j] ?? 0),
    { method: "maximum likelihood", time, errors: kept.map(({ j }) => errors[j] ?? Infinity) },
  );
  const source = `${snapshot.source}; fitted to ${used.length} runs`;
  const fitted = createSnapshot(
    { ...values, kind: "fitted", calibratedAt: time, source, parentId: snapshot.id },
    chip.topology,
  );
  return {
    chip: addSnapshot(chip, fitted),
    snapshot: fitted,
    parameters,
    ...reportRuns(ready, heldOut, { chip, snapshot, fitted }),
    skipped,
    logLikelihood: maximum.logLikelihood,
  };
}

/** Most qubits of a run: the fit works with exact distributions. */
const maxQubits = 6;

/**
 * Schedules the runs. A run that is too wide is skipped; a run that the snapshot cannot run is
 * skipped when held out, and refused otherwise.
 */
function prepareRuns(
  runs: readonly RealRun[],
  chip: ChipModel,
  snapshot: CalibrationSnapshot,
  heldOut: ReadonlySet<string>,
): { readonly ready: readonly ReadyRun[]; readonly skipped: FitResult["skipped"] } {
  const ready: ReadyRun[] = [];
  const skipped: { readonly id: string; readonly reason: string }[] = [];
  const issues: Issue[] = [];
  for (const run of runs) {
    const schedule = scheduleNative(run.executed, chip.timing);
    const width = schedule.physicalQubits.length;
    const found = validateScheduled(chip, schedule, snapshot)
      .filter(({ where }) => where !== "circuit")
      .map((issue) => ({ ...issue, where: `runs[${run.id}]: ${issue.where}` }));
    const [first] = found;
    if (width > maxQubits) {
      skipped.push({ id: run.id, reason: `${width} qubits; the fit takes at most ${maxQubits}` });
    } else if (first === undefined) ready.push({ run, schedule });
    else if (heldOut.has(run.id)) skipped.push({ id: run.id, reason: printIssue(first) });
    else issues.push({ ...first, hint: `exclude ${run.id} or fit a snapshot that calibrates it` });
  }
  if (issues.length > 0) throw QtuneError.fromIssues(issues);
  return { ready, skipped };
}

/**
 * A calibrated readout fidelity counts as this many shots: enough to hold it where no run says
 * more, little beside a run.
 */
const calibrationShots = 20;

interface FitModel {
  readonly model: CountsModel;
  readonly all: readonly FitParameter[];
  /** Indices of the parameters that are offered. */
  readonly offered: ReadonlySet<number>;
}

function createFitModel(
  used: readonly ReadyRun[],
  chip: ChipModel,
  snapshot: CalibrationSnapshot,
): FitModel {
  const schedules = used.map(({ schedule }) => schedule);
  const plan = planParameters(schedules, snapshot, chip.timing);
  const all = [...plan.base, ...plan.offered];
  const runModel = createRunModel(schedules, all, chip, snapshot);
  const calibrated = all.flatMap(({ quantity, start }, j) =>
    quantity === "readoutF0" || quantity === "readoutF1" ? [{ j, start }] : [],
  );
  const model: CountsModel = {
    counts: [
      ...used.map(({ run }) => run.counts),
      ...calibrated.map(
        ({ start }) =>
          new Map([
            [0, calibrationShots * start],
            [1, calibrationShots * (1 - start)],
          ]),
      ),
    ],
    distributions: (values) => [
      ...runModel.distributions(values),
      ...calibrated.map(({ j }) => Float64Array.of(values[j] ?? 0, 1 - (values[j] ?? 0))),
    ],
    min: all.map(({ min }) => min),
    max: all.map(({ max }) => max),
  };
  const offered = new Set(all.map((_, j) => j).filter((j) => j >= plan.base.length));
  return { model, all, offered };
}

function assertKnown(ids: ReadonlySet<string>, runs: readonly RealRun[]): void {
  const known = runs.map(({ id }) => id);
  for (const id of ids) {
    if (known.includes(id)) continue;
    const close = suggest(id, known);
    throw new QtuneError(
      "invalid_argument",
      `expected the id of a run but was given ${id}${close === undefined ? "" : `; did you mean ${close}?`}`,
      { where: "exclude" },
    );
  }
}

/** Parameters that stay where they are, and the best values of the others. */
interface Search {
  readonly maximum: Maximum;
  readonly fixed: ReadonlySet<number>;
}

/** Lets offered parameters join one at a time, the best first, while the gain is beyond chance. */
function adoptOffered(
  model: CountsModel,
  all: readonly FitParameter[],
  from: Search,
  mode: NonNullable<FitOptions["coherent"]>,
): Search {
  let { maximum } = from;
  const mayJoin = (j: number): boolean =>
    mode === "adopt" || (mode === "auto" && all[j]?.isTellable === true);
  const fixed = new Set(from.fixed);
  for (;;) {
    let best: { readonly j: number; readonly maximum: Maximum } | undefined;
    for (const j of [...fixed].filter(mayJoin)) {
      const trial = joinParameter(model, maximum, all[j], j, fixed);
      if (trial.logLikelihood > (best?.maximum.logLikelihood ?? -Infinity))
        best = { j, maximum: trial };
    }
    if (
      best === undefined ||
      2 * (best.maximum.logLikelihood - maximum.logLikelihood) < joinThreshold
    ) {
      return { maximum, fixed };
    }
    fixed.delete(best.j);
    maximum = best.maximum;
  }
}

/**
 * The best fit with one more parameter. A coherent error has no slope at zero, so it starts on
 * either side.
 */
function joinParameter(
  model: CountsModel,
  from: Maximum,
  parameter: FitParameter | undefined,
  j: number,
  fixed: ReadonlySet<number>,
): Maximum {
  const others = new Set([...fixed].filter((other) => other !== j));
  const offset = parameter?.quantity.endsWith("Rad") === true ? 0.2 : 0.01;
  const center = from.values[j] ?? 0;
  const trials = [center + offset, center - offset].map((value) =>
    maximiseLikelihood(model, from.values.with(j, value), others),
  );
  return trials.reduce((a, b) => (b.logLikelihood > a.logLikelihood + 1e-6 ? b : a), from);
}

function describeOffered(
  model: CountsModel,
  maximum: Maximum,
  parameter: FitParameter,
  j: number,
  fixed: ReadonlySet<number>,
): FittedParameter {
  const joined = joinParameter(model, maximum, parameter, j, fixed);
  const others = new Set([...fixed].filter((other) => other !== j));
  const guess = parameter.quantity.endsWith("Rad") ? 0.2 : 0.01;
  const { low, high } = profileInterval(model, joined, j, guess, others);
  const gain = 2 * (joined.logLikelihood - maximum.logLikelihood);
  // Long sequences have several peaks: where no effect is as likely, the interval reaches to it.
  const reach = gain < 3.841 ? [parameter.start] : [];
  return {
    name: parameter.name,
    value: joined.values[j] ?? 0,
    low: Math.min(low, ...reach),
    high: Math.max(high, ...reach),
    before: parameter.start,
    adopted: false,
    gain,
  };
}

/** Readout: normal interval, its likelihood is close to normal. Gates: profile likelihood. */
function describeFitted(
  model: CountsModel,
  maximum: Maximum,
  parameter: FitParameter,
  j: number,
  known: { readonly error: number; readonly fixed: ReadonlySet<number> },
): FittedParameter {
  const value = maximum.values[j] ?? 0;
  const { name, start: before, min, max } = parameter;
  const { error, fixed } = known;
  if (parameter.quantity === "readoutF0" || parameter.quantity === "readoutF1") {
    const low = Math.max(min, value - 1.96 * error);
    return { name, value, low, high: Math.min(max, value + 1.96 * error), before, adopted: true };
  }
  const guess = Number.isFinite(error) ? 1.96 * error : 0.01;
  const interval = profileInterval(model, maximum, j, guess, fixed);
  return { name, value, ...interval, before, adopted: true };
}

function latestTime(runs: readonly RealRun[], snapshot: CalibrationSnapshot): string {
  const times = runs.flatMap(({ finishedAt }) => finishedAt ?? []);
  const latest = times.toSorted((a, b) => Date.parse(a) - Date.parse(b)).at(-1);
  return latest ?? snapshot.calibratedAt;
}
