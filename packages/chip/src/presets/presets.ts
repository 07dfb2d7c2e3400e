import { QtuneError, suggest } from "@qtune/base";
import { type CalibrationEntry, type CalibrationSnapshot, createSnapshot } from "../calibration.ts";
import type { ChipLimits, ChipModel, ChipTiming, NativeGate } from "../chip-model.ts";
import { idealKnobs } from "../noise/knobs.ts";
import { type Topology, createGridTopology, createTopology } from "../topology.ts";
import { wukong180Statistics, wukong72Statistics } from "./statistics.ts";
import { type ChipStatistics, drawSnapshot } from "./synthetic-snapshot.ts";

/** What a preset may vary. */
export interface ChipOptions {
  /** Seed of the synthetic calibration. Default: 1. */
  readonly seed?: number | bigint | string;
  /** Share of the couplers between live qubits that is calibrated, 0..1. Default: the preset's. */
  readonly couplerYield?: number;
  /** Number of dead qubits. Default: the preset's. */
  readonly deadQubits?: number;
}

/** A named chip. */
export interface ChipPreset {
  readonly name: string;
  readonly meaning: string;
}

/**
 * Gate times of Wukong 72 (PilotOS `QGateClock`, confirmed by `pulseTime` of tasks of 2026-03-08)
 * and its latencies.
 */
export const wukongTiming: ChipTiming = {
  pulseNs: 30,
  czNs: 40,
  measureNs: 1000, // assumed: not published
  shotPeriodNs: 100_000, // assumed from 1,000 shots in 160 ms on WK_C102_400, 2025-04
  queueMs: 150, // median of 15 tasks of 2026-03-08
  compileMs: 4, // WK_C102_400, 2025-04
  loadMs: 1920, // what is left of the median 2.15 s per 1,000-shot task of 2026-03-08
  measureOverheadMs: 60, // 160 ms less 1,000 shots of 100 us
  postProcessMs: 66, // 48 + 18 ms, WK_C102_400, 2025-04
};

/** Limits of the Wukong 72 cloud: chip.md 2.5, configuration of 2026-03-06. */
export const wukongLimits: ChipLimits = {
  minShots: 100,
  maxShots: 10_000,
  maxLayers: 500,
  maxCircuitsPerJob: 200,
  maxQueue: 200,
};

interface PresetRow extends ChipPreset {
  readonly title: string;
  readonly topology: () => Topology;
  readonly statistics: ChipStatistics;
  readonly statisticsTime: string;
  readonly statisticsSource: string;
  readonly deadQubits: number;
  readonly couplerYield: number;
}

const presetTable: readonly PresetRow[] = [
  {
    name: "wukong-72",
    meaning: "12 x 6 grid with a synthetic calibration like Origin Wukong 72",
    title: "Origin Wukong 72 (synthetic calibration)",
    topology: () => createGridTopology(12, 6),
    statistics: wukong72Statistics,
    statisticsTime: "2026-03-06T15:41:31+08:00",
    statisticsSource:
      "the distributions and correlations of the Wukong 72 calibration of 2026-03-06",
    deadQubits: 9,
    couplerYield: 0.94,
  },
  {
    name: "wukong-180",
    meaning: "180 qubits on a diagonal lattice with a synthetic calibration like WK_C180",
    title: "Like Origin WK_C180 (synthetic calibration)",
    topology: () => createDiagonalTopology(),
    statistics: wukong180Statistics,
    statisticsTime: "2026-05-15T00:00:00Z",
    statisticsSource: "the means of WK_C180 of 2026-05-15 with the shapes of Wukong 72",
    deadQubits: 11,
    couplerYield: 0.69,
  },
];

/** Returns the presets that {@link createChip} knows, grids as one row. */
export function listChips(): readonly ChipPreset[] {
  return [
    ...presetTable.map(({ name, meaning }) => ({ name, meaning })),
    {
      name: "grid-RxC",
      meaning:
        "a grid of R rows and C columns, all qubits and couplers alive, errors like Wukong 72",
    },
    {
      name: "ideal",
      meaning:
        "the 12 x 6 grid without noise; any name with -ideal appended is its noise-free twin",
    },
  ];
}

/**
 * Creates a chip by name: `wukong-72`, `wukong-180`, `grid-RxC`, `ideal`, or any of them with
 * `-ideal` appended.
 *
 * Effect: pure: same name and options, same chip and same snapshot id.
 * Errors: not_found with the closest name; out_of_range for a yield outside 0..1 or more dead
 *         qubits than there are.
 *
 * @example
 * const chip = createChip("wukong-72", { seed: 7 });
 * newestSnapshot(chip).kind; // "synthetic"
 */
export function createChip(name: string, options: ChipOptions = {}): ChipModel {
  const ideal = name === "ideal" || name.endsWith("-ideal");
  const row = findRow(name === "ideal" ? "wukong-72" : name.replace(/-ideal$/, ""), name);
  const topology = row.topology();
  const snapshot = ideal
    ? createIdealSnapshot(row.title, topology)
    : drawFor(row, topology, options);
  return {
    name,
    title: ideal ? `${row.title.replace(/ \(.*/, "")} (ideal)` : row.title,
    topology,
    nativeGates: nativeGatesOf(wukongTiming),
    timing: wukongTiming,
    limits: wukongLimits,
    snapshots: [snapshot],
    knobs: ideal ? idealKnobs : {},
    sources: [snapshot.source, "gate times, limits and latencies: Origin Wukong 72, docs/chip.md"],
  };
}

/** Returns the native gates of a chip with RPhi and CZ. */
export function nativeGatesOf(timing: ChipTiming): readonly NativeGate[] {
  return [
    { name: "RPhi", qubits: 1, durationNs: timing.pulseNs },
    { name: "CZ", qubits: 2, durationNs: timing.czNs },
    { name: "Measure", qubits: 1, durationNs: timing.measureNs },
  ];
}

function findRow(base: string, given: string): PresetRow {
  const found = presetTable.find((row) => row.name === base);
  if (found !== undefined) return found;
  const size = /^grid-(\d{1,4})x(\d{1,4})$/.exec(base);
  if (size !== null) return gridRow(base, Number(size[1]), Number(size[2]));
  const names = listChips().map((preset) => preset.name);
  const close = suggest(given, names);
  throw new QtuneError(
    "not_found",
    `expected one of ${names.join(", ")} or a calibration file but was given ${given}` +
      (close === undefined ? "" : `; did you mean ${close}?`),
    { where: "chip" },
  );
}

function gridRow(name: string, rows: number, cols: number): PresetRow {
  return {
    name,
    meaning: `grid of ${rows} x ${cols}`,
    title: `Grid of ${rows} x ${cols} (synthetic calibration)`,
    topology: () => createGridTopology(rows, cols),
    statistics: wukong72Statistics,
    statisticsTime: "2026-03-06T15:41:31+08:00",
    statisticsSource:
      "the distributions and correlations of the Wukong 72 calibration of 2026-03-06",
    deadQubits: 0,
    couplerYield: 1,
  };
}

function drawFor(row: PresetRow, topology: Topology, options: ChipOptions): CalibrationSnapshot {
  const couplerYield = options.couplerYield ?? row.couplerYield;
  const deadQubits = options.deadQubits ?? row.deadQubits;
  if (!(couplerYield >= 0 && couplerYield <= 1)) {
    throw new QtuneError(
      "out_of_range",
      `expected a yield from 0 to 1 but was given ${couplerYield}`,
      {
        where: "chip.couplerYield",
      },
    );
  }
  if (!Number.isInteger(deadQubits) || deadQubits < 0 || deadQubits >= topology.qubits) {
    throw new QtuneError(
      "out_of_range",
      `expected 0 to ${topology.qubits - 1} dead qubits but was given ${deadQubits}`,
      { where: "chip.deadQubits" },
    );
  }
  return drawSnapshot({
    chip: row.title.replace(/ \(.*/, ""),
    topology,
    statistics: row.statistics,
    seed: options.seed ?? 1,
    deadQubits,
    couplerYield,
    statisticsTime: row.statisticsTime,
    statisticsSource: row.statisticsSource,
  });
}

function createIdealSnapshot(title: string, topology: Topology): CalibrationSnapshot {
  const time = "2026-01-01T00:00:00Z";
  const one: CalibrationEntry = { value: 1, method: "ideal", time };
  return createSnapshot(
    {
      chip: title.replace(/ \(.*/, ""),
      kind: "ideal",
      calibratedAt: time,
      source: "ideal: no noise, every qubit and coupler alive",
      qubits: Array.from({ length: topology.qubits }, (_, id) => ({
        id,
        values: { singleQubitFidelity: one, readoutF0: one, readoutF1: one },
      })),
      couplers: topology.couplers.map(({ a, b }) => ({ a, b, values: { czFidelity: one } })),
    },
    topology,
  );
}

/**
 * 180 qubits in 19 rows of 9 and 10 by turns, each coupled to its two neighbours in the next row.
 * Derived: the CZ edges of WK_C180 join i with i + 9 or i + 10 throughout, which is this lattice.
 */
function createDiagonalTopology(): Topology {
  const sites: { row: number; col: number }[] = [];
  const couplers: { a: number; b: number }[] = [];
  for (let row = 0; row < 19; row++) {
    const width = row % 2 === 0 ? 9 : 10;
    for (let index = 0; index < width; index++) {
      sites.push({ row, col: 2 * index + (width === 9 ? 1 : 0) });
    }
  }
  for (const [a, site] of sites.entries()) {
    for (const b of [a + 9, a + 10]) {
      const other = sites[b];
      if (other?.row === site.row + 1 && Math.abs(other.col - site.col) === 1)
        couplers.push({ a, b });
    }
  }
  return createTopology({ qubits: sites.length, couplers, sites });
}
