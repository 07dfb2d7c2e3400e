import { type Issue, QtuneError } from "@qtune/base";
import type { CalibrationSnapshot } from "./calibration.ts";
import type { NoiseKnobs } from "./noise/knobs.ts";
import { instructionQubits, type ScheduledCircuit } from "./scheduled-circuit.ts";
import type { Topology } from "./topology.ts";

/** A chip as data: what is built, what it can do, how long it takes, and its calibrations. */
export interface ChipModel {
  /** Short name, as on the command line: `wukong-72`. */
  readonly name: string;
  /** For people: `Origin Wukong 72, synthetic calibration`. */
  readonly title: string;
  readonly topology: Topology;
  readonly nativeGates: readonly NativeGate[];
  readonly timing: ChipTiming;
  readonly limits: ChipLimits;
  /** Oldest first, at least one; the last one is used unless another is asked for. */
  readonly snapshots: readonly CalibrationSnapshot[];
  /** Knobs of the noise model that differ from {@link defaultKnobs}. */
  readonly knobs: Partial<NoiseKnobs>;
  /** Where the facts come from, with date. */
  readonly sources: readonly string[];
}

/** A native gate and its length. Virtual Z takes no time and is exact. */
export interface NativeGate {
  readonly name: "RPhi" | "CZ" | "Measure";
  readonly qubits: 1 | 2;
  readonly durationNs: number;
}

/** How long things take. Sources of the numbers of Wukong: docs/chip.md. */
export interface ChipTiming {
  /** One pulse, whatever its angle. */
  readonly pulseNs: number;
  readonly czNs: number;
  readonly measureNs: number;
  /** From one shot to the next: passive reset. */
  readonly shotPeriodNs: number;
  /** From creation of a chip job to its start with an empty queue. */
  readonly queueMs: number;
  /** Compiling one circuit on the server. */
  readonly compileMs: number;
  /** Compiling to pulses and loading the control system, once per chip job. */
  readonly loadMs: number;
  /** Starting and ending one measurement run of all its shots. */
  readonly measureOverheadMs: number;
  /** Processing and correcting results, once per chip job. */
  readonly postProcessMs: number;
}

/** What a chip refuses. */
export interface ChipLimits {
  readonly minShots: number;
  readonly maxShots: number;
  /** Most native layers of one circuit: the longest chain of pulses and CZ. */
  readonly maxLayers: number;
  /** Most circuits of one chip job; a task batch has no cap and is sliced. */
  readonly maxCircuitsPerJob: number;
  /** Most tasks that wait. */
  readonly maxQueue: number;
}

/** Returns the calibration that is used unless another is asked for. */
export function newestSnapshot(chip: ChipModel): CalibrationSnapshot {
  const snapshot = chip.snapshots.at(-1);
  if (snapshot === undefined) {
    throw new QtuneError("failed_precondition", `chip ${chip.name} has no calibration`, {
      where: "chip.snapshots",
    });
  }
  return snapshot;
}

/**
 * Returns the calibration with an id, or the one that was valid at a time.
 *
 * Range: `id` may be shortened to a prefix that fits one snapshot only; `time` is ISO 8601.
 * Errors: failed_precondition when the id names nothing (a stale pin), or when no calibration is as
 *         old as the time.
 */
export function findSnapshot(
  chip: ChipModel,
  query: { readonly id: string } | { readonly time: string },
): CalibrationSnapshot {
  if ("id" in query) {
    const found = chip.snapshots.filter((snapshot) => snapshot.id.startsWith(query.id));
    if (found.length === 1 && found[0] !== undefined) return found[0];
    const newestFirst = chip.snapshots.toReversed().map(({ id }) => id);
    throw noSnapshot(
      {
        expected: `a calibration of ${chip.name}: ${newestFirst.slice(0, 6).join(", ")}${newestFirst.length > 6 ? ", …" : ""}`,
        given: query.id === "" ? "an empty id" : query.id,
        hint:
          found.length > 1
            ? `${found.length} calibrations begin so; give more of the id`
            : "the pinned calibration is stale, or of another chip; pin one of these, or none",
      },
      query.id,
    );
  }
  const time = Date.parse(query.time);
  if (Number.isNaN(time)) {
    const given = JSON.stringify(query.time);
    throw QtuneError.fromIssues([
      { where: "chip.snapshot", expected: "a time as ISO 8601", given },
    ]);
  }
  const valid = chip.snapshots.filter((snapshot) => Date.parse(snapshot.calibratedAt) <= time);
  const newest = valid.toSorted((a, b) => byTime(a.calibratedAt, b.calibratedAt)).at(-1);
  if (newest !== undefined) return newest;
  const oldest = chip.snapshots.map(({ calibratedAt }) => calibratedAt).sort(byTime)[0] ?? "none";
  throw noSnapshot(
    {
      expected: `a time since the first calibration of ${chip.name}, ${oldest}`,
      given: query.time,
    },
    query.time,
  );
}

function byTime(a: string, b: string): number {
  return Date.parse(a) - Date.parse(b);
}

function noSnapshot(issue: Omit<Issue, "where">, given: string): QtuneError {
  const issues = [{ where: "chip.snapshot", ...issue }];
  return QtuneError.fromIssues(issues, "failed_precondition", { given });
}

/** Returns the chip with one more calibration, which becomes the newest. */
export function addSnapshot(chip: ChipModel, snapshot: CalibrationSnapshot): ChipModel {
  const others = chip.snapshots.filter(({ id }) => id !== snapshot.id);
  return { ...chip, snapshots: [...others, snapshot] };
}

/** Counts the native layers of a schedule: the longest chain of pulses and CZ. */
export function countLayers(scheduled: ScheduledCircuit): number {
  const depths = new Map<number, number>();
  for (const instruction of scheduled.instructions) {
    if (instruction.kind !== "rphi" && instruction.kind !== "cz") continue;
    const qubits = instructionQubits(instruction);
    const depth = 1 + Math.max(...qubits.map((qubit) => depths.get(qubit) ?? 0));
    for (const qubit of qubits) depths.set(qubit, depth);
  }
  return Math.max(0, ...depths.values());
}

/** Returns what a chip refuses about a number of shots. Nothing is ever replaced silently. */
export function validateShots(chip: ChipModel, shots: number): readonly Issue[] {
  const { minShots, maxShots } = chip.limits;
  if (Number.isInteger(shots) && shots >= minShots && shots <= maxShots) return [];
  return [
    {
      where: "task.shots",
      expected: `${minShots} to ${maxShots} shots on ${chip.name}`,
      given: String(shots),
      hint: shots > maxShots ? "split the shots over several tasks" : "ask for more shots",
    },
  ];
}

/**
 * Returns what a chip refuses about a scheduled circuit: dead qubits, missing couplers, too many
 * layers.
 */
export function validateScheduled(
  chip: ChipModel,
  scheduled: ScheduledCircuit,
  snapshot: CalibrationSnapshot = newestSnapshot(chip),
): readonly Issue[] {
  const issues: Issue[] = [];
  const live = new Set(snapshot.qubits.map(({ id }) => id));
  const couplers = new Set(snapshot.couplers.map(({ a, b }) => `${a}-${b}`));
  for (const [index, instruction] of scheduled.instructions.entries()) {
    const where = `scheduled.instructions[${index}]`;
    const dead = instructionQubits(instruction).filter((qubit) => !live.has(qubit));
    if (dead.length > 0) {
      issues.push({ where, expected: "calibrated qubits", given: `qubit ${dead.join(", ")}` });
    } else if (instruction.kind === "cz") {
      const [a, b] = instruction.qubits;
      if (couplers.has(`${Math.min(a, b)}-${Math.max(a, b)}`)) continue;
      issues.push({ where, expected: "a calibrated coupler", given: `CZ on (${a}, ${b})` });
    }
  }
  const layers = countLayers(scheduled);
  if (layers > chip.limits.maxLayers) {
    issues.push({
      where: "circuit",
      expected: `at most ${chip.limits.maxLayers} native layers on ${chip.name}`,
      given: String(layers),
      hint: "split the circuit or compile at a higher level",
    });
  }
  return issues;
}

/**
 * Returns the seconds that the chip is busy with one chip job.
 *
 * Range:  `executions` is the number of runs of the chip (each holds one circuit or several side by
 *         side), each of `shots` shots; `circuits` are compiled.
 */
export function chipJobSeconds(
  timing: ChipTiming,
  job: { readonly circuits: number; readonly executions: number; readonly shots: number },
): number {
  const fixedMs = timing.loadMs + timing.postProcessMs + job.circuits * timing.compileMs;
  const shotsMs = (job.shots * timing.shotPeriodNs) / 1e6;
  return (fixedMs + job.executions * (timing.measureOverheadMs + shotsMs)) / 1e3;
}
