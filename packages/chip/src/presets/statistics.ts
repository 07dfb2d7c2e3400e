/**
 * Distributions of published calibrations. Source of all: the two Wukong snapshots and the WK_C180
 * profile, docs/chip.md.
 */
import type { ChipStatistics } from "./synthetic-snapshot.ts";

/** Wukong 72, calibration of 2026-03-06: 63 qubits, 54 couplers. */
export const wukong72Statistics: ChipStatistics = {
  qubit: [
    { median: 18.4, spread: 0.34, min: 7.6, max: 41.9 },
    { median: 4.94, spread: 0.86, min: 0.62, max: 21.6 },
    { median: 6.8, spread: 0.72, min: 1.6, max: 39 },
    { median: 0.0021, spread: 0.59, min: 0.0006, max: 0.008 },
    { median: 0.044, spread: 0.97, min: 0.005, max: 0.325 },
    { median: 0.179, spread: 0.58, min: 0.056, max: 0.752 },
  ],
  // prettier-ignore
  correlations: [
    0.08, 0.01, -0.19, 0.01, -0.03,
    0.09, -0.08, 0.12, -0.02,
    -0.53, 0.09, -0.3,
    0.01, 0.45,
    0.4,
  ],
  czInfidelity: { median: 0.0364, spread: 0.39, min: 0.0111, max: 0.0862 },
  czCorrelation: 0.3,
  frequencyMhz: [
    { share: 0.65, mean: 4092, deviation: 182 },
    { share: 0.35, mean: 4701, deviation: 179 },
  ],
};

/**
 * A chip like WK_C180 of 2026-05-15, of which only means are known (T1 33.0 us, T2 5.51 us, F1q
 * 0.9986, readout 0.940, CZ 0.9858): the shapes of Wukong 72 (assumed), scaled to those means.
 */
export const wukong180Statistics: ChipStatistics = {
  ...wukong72Statistics,
  qubit: scaled(wukong72Statistics.qubit, [
    33 / 18.87,
    5.51 / 5.49,
    5.51 / 5.49,
    0.0014 / 0.0028,
    0.425,
    0.425,
  ]),
  czInfidelity: scaledOne(wukong72Statistics.czInfidelity, 0.0142 / 0.0371),
};

type Rows = ChipStatistics["qubit"];

function scaled(rows: Rows, factors: readonly number[]): Rows {
  return rows.map((row, index) => scaledOne(row, factors[index] ?? 1)) as unknown as Rows; // same length
}

function scaledOne(row: Rows[number], factor: number): Rows[number] {
  return {
    median: row.median * factor,
    spread: row.spread,
    min: row.min * factor,
    max: row.max * factor,
  };
}
