/**
 * A synthetic calibration drawn from published distributions and correlations: realistic, seeded,
 * and labelled so. The real snapshots stay with the user, who imports them. Recipe and numbers:
 * docs/chip.md, "The synthetic snapshot".
 */
import { type Random, createRandom, shuffleInPlace } from "@qtune/base";
import {
  type CalibrationEntry,
  type CalibrationSnapshot,
  type CouplerCalibration,
  type QubitCalibration,
  createSnapshot,
} from "../calibration.ts";
import type { Topology } from "../topology.ts";

/**
 * A log-normal quantity: median, standard deviation of the natural logarithm, and the range seen.
 */
interface LogNormal {
  readonly median: number;
  readonly spread: number;
  readonly min: number;
  readonly max: number;
}

/** Distributions of one chip. */
export interface ChipStatistics {
  /**
   * T1, T2*, echo time (us), pulse infidelity, P(1|0), P(0|1), in the order of the correlation
   * matrix.
   */
  readonly qubit: readonly [LogNormal, LogNormal, LogNormal, LogNormal, LogNormal, LogNormal];
  /** Upper triangle of the correlations of their logarithms, row by row, without the diagonal. */
  readonly correlations: readonly number[];
  readonly czInfidelity: LogNormal;
  /** Correlation of ln CZ infidelity with the mean of ln pulse infidelity of its two qubits. */
  readonly czCorrelation: number;
  readonly frequencyMhz: readonly {
    readonly share: number;
    readonly mean: number;
    readonly deviation: number;
  }[];
}

/** Options of {@link drawSnapshot}. */
export interface SyntheticOptions {
  readonly chip: string;
  readonly topology: Topology;
  readonly statistics: ChipStatistics;
  readonly seed: number | bigint | string;
  /** How many qubits are dead. */
  readonly deadQubits: number;
  /** Share of the couplers between live qubits that is calibrated, 0..1. */
  readonly couplerYield: number;
  /** ISO 8601: when the distributions were taken. */
  readonly statisticsTime: string;
  readonly statisticsSource: string;
}

/**
 * Draws a snapshot.
 *
 * Effect: pure: same options, same snapshot. Values of a site do not depend on what is dead, so
 *         changing the yield changes nothing else.
 */
export function drawSnapshot(options: SyntheticOptions): CalibrationSnapshot {
  const { topology, statistics } = options;
  const random = createRandom(options.seed, "synthetic-snapshot");
  const dead = new Set(
    shuffleInPlace(
      Array.from({ length: topology.qubits }, (_, id) => id),
      random.fork("dead"),
    ).slice(0, options.deadQubits),
  );
  const factor = cholesky(fullMatrix(statistics.correlations, statistics.qubit.length));
  const normals = Array.from({ length: topology.qubits }, (_, id) =>
    correlate(factor, random.fork("qubit", id)),
  );
  const entry = (value: number): CalibrationEntry => ({
    value: roundTo(value, 5),
    method: "synthetic",
    time: options.statisticsTime,
  });
  const qubits: QubitCalibration[] = normals.map((normal, id) => ({
    id,
    values: drawQubit(statistics, normal, random.fork("frequency", id), entry),
  }));
  const between = topology.couplers.filter(({ a, b }) => !dead.has(a) && !dead.has(b));
  const order = shuffleInPlace([...between], random.fork("couplers"));
  const working = order.slice(0, Math.round(options.couplerYield * between.length));
  const couplers: CouplerCalibration[] = working.map(({ a, b }) => ({
    a,
    b,
    values: {
      czFidelity: entry(
        1 -
          drawCz(statistics, [normals[a]?.[3] ?? 0, normals[b]?.[3] ?? 0], random.fork("cz", a, b)),
      ),
    },
  }));
  return createSnapshot(
    {
      chip: options.chip,
      kind: "synthetic",
      calibratedAt: options.statisticsTime,
      source: `synthetic, seed ${options.seed}, drawn from ${options.statisticsSource}`,
      qubits: qubits.filter(({ id }) => !dead.has(id)),
      couplers,
    },
    topology,
  );
}

function drawQubit(
  statistics: ChipStatistics,
  normal: readonly number[],
  random: Random,
  entry: (value: number) => CalibrationEntry,
): QubitCalibration["values"] {
  const draw = (index: number): number => logNormal(statistics.qubit[index], normal[index] ?? 0);
  const t1 = draw(0);
  return {
    frequencyMhz: entry(drawFrequency(statistics, random)),
    t1Us: entry(t1),
    t2Us: entry(Math.min(draw(1), 2 * roundTo(t1, 5))),
    tEchoUs: entry(Math.min(draw(2), 2 * roundTo(t1, 5))),
    singleQubitFidelity: entry(1 - draw(3)),
    readoutF0: entry(1 - draw(4)),
    readoutF1: entry(1 - draw(5)),
  };
}

function logNormal(distribution: LogNormal | undefined, normal: number): number {
  if (distribution === undefined) return Number.NaN; // no such row: the snapshot check refuses it
  const { median, spread, min, max } = distribution;
  return Math.min(max, Math.max(min, median * Math.exp(spread * normal)));
}

function drawFrequency(statistics: ChipStatistics, random: Random): number {
  let pick = random.nextUniform();
  for (const { share, mean, deviation } of statistics.frequencyMhz) {
    if (pick < share) return Math.round(mean + deviation * random.nextNormal());
    pick -= share;
  }
  const last = statistics.frequencyMhz.at(-1);
  return Math.round(last?.mean ?? 0);
}

/** The mean of two independent standard normals times √2 is standard normal again. */
function drawCz(
  statistics: ChipStatistics,
  ends: readonly [number, number],
  random: Random,
): number {
  const shared = (ends[0] + ends[1]) / Math.SQRT2;
  const { czCorrelation: rho } = statistics;
  const normal = rho * shared + Math.sqrt(1 - rho * rho) * random.nextNormal();
  return logNormal(statistics.czInfidelity, normal);
}

function correlate(factor: readonly (readonly number[])[], random: Random): readonly number[] {
  const independent = factor.map(() => random.nextNormal());
  return factor.map((row) =>
    row.reduce((sum, weight, j) => sum + weight * (independent[j] ?? 0), 0),
  );
}

function fullMatrix(upper: readonly number[], size: number): readonly (readonly number[])[] {
  const matrix = Array.from({ length: size }, (_, i) =>
    Array.from({ length: size }, (_, j): number => (i === j ? 1 : 0)),
  );
  let next = 0;
  for (let i = 0; i < size; i++) {
    for (let j = i + 1; j < size; j++) {
      const value = upper[next++] ?? 0;
      (matrix[i] ?? [])[j] = value;
      (matrix[j] ?? [])[i] = value;
    }
  }
  return matrix;
}

/** Lower triangular factor of a positive definite matrix. */
function cholesky(matrix: readonly (readonly number[])[]): readonly (readonly number[])[] {
  const factor: number[][] = matrix.map((row) => row.map(() => 0));
  const at = (i: number, j: number): number => factor[i]?.[j] ?? 0;
  for (const [i, row] of matrix.entries()) {
    for (let j = 0; j <= i; j++) {
      let sum = row[j] ?? 0;
      for (let k = 0; k < j; k++) sum -= at(i, k) * at(j, k);
      (factor[i] ?? [])[j] = i === j ? Math.sqrt(sum) : sum / at(j, j);
    }
  }
  return factor;
}

function roundTo(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
