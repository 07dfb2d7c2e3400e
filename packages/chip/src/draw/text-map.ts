import type { CalibrationSnapshot } from "../calibration.ts";
import { type CalibrationView, createCalibrationView } from "../calibration-view.ts";
import { type ChipModel, newestSnapshot } from "../chip-model.ts";
import { couplerKey } from "../topology.ts";

/**
 * Draws a chip as text: qubits by number, dead ones as a dot, couplers that work (heavy where
 * better than the median), and the medians of the calibration.
 *
 * Effect: pure; plain characters, no colours.
 */
export function drawChipText(
  chip: ChipModel,
  snapshot: CalibrationSnapshot = newestSnapshot(chip),
): string {
  const view = createCalibrationView(snapshot);
  return [
    `${chip.title}  ${snapshot.id}  ${snapshot.kind}, ${snapshot.calibratedAt}`,
    "",
    ...drawMap(chip, view),
    "",
    "· dead qubit   ━ ┃ coupler better than the median   ─ │ coupler",
    ...summarise(chip, view),
  ].join("\n");
}

/** Room of a qubit and of the coupler to its right, in characters. */
const grid = { width: 7, label: 3 };
const diagonal = { width: 3, label: 3 };

function drawMap(chip: ChipModel, view: CalibrationView): readonly string[] {
  const { sites } = chip.topology;
  const isGrid = chip.topology.couplers.every(({ a, b }) => !isDiagonal(chip, a, b));
  const { width, label } = isGrid ? grid : diagonal;
  const top = Math.min(...sites.map(({ row }) => row));
  const left = Math.min(...sites.map(({ col }) => col));
  const height = 2 * (Math.max(...sites.map(({ row }) => row)) - top) + 1;
  const span = width * (Math.max(...sites.map(({ col }) => col)) - left) + label;
  const canvas = Array.from({ length: height }, () => new Array<string>(span).fill(" "));
  const put = (row: number, col: number, text: string): void => {
    for (const [offset, letter] of [...text].entries()) {
      const line = canvas[row];
      if (line !== undefined && col + offset >= 0 && col + offset < span)
        line[col + offset] = letter;
    }
  };
  const live = new Set(view.live);
  for (const [id, { row, col }] of sites.entries()) {
    const text = (live.has(id) ? String(id) : "·").padStart(2).padEnd(label);
    put(2 * (row - top), width * (col - left), text);
  }
  const better = medianOf([...view.czError.values()]);
  for (const { a, b } of view.couplers) {
    const from = sites[a];
    const to = sites[b];
    if (from === undefined || to === undefined) continue;
    const heavy = (view.czError.get(couplerKey(a, b)) ?? 1) < better;
    const row = from.row + to.row - 2 * top;
    const middle = (width * (from.col + to.col - 2 * left)) / 2;
    if (from.row === to.row) {
      const start = width * (Math.min(from.col, to.col) - left) + label;
      put(row, start, (heavy ? "━" : "─").repeat(width - label));
    } else if (from.col === to.col) put(row, middle + 1, heavy ? "┃" : "│");
    else
      put(
        row,
        Math.round(middle) + 1,
        to.row - from.row === Math.sign(to.col - from.col) ? "╲" : "╱",
      );
  }
  return canvas.map((line) => line.join("").trimEnd());
}

function isDiagonal(chip: ChipModel, a: number, b: number): boolean {
  const from = chip.topology.sites[a];
  const to = chip.topology.sites[b];
  return from !== undefined && to !== undefined && from.row !== to.row && from.col !== to.col;
}

function summarise(chip: ChipModel, view: CalibrationView): readonly string[] {
  const { live, couplers, regions } = view;
  const built = chip.topology.couplers.length;
  const largest = regions.slice(0, 5).map((region) => region.length);
  const of = (column: Float64Array): number => medianOf(live.map((id) => column[id] ?? Number.NaN));
  const t2 = medianOf(view.snapshot.qubits.flatMap(({ values }) => values.t2Us?.value ?? []));
  const lines = [
    `qubits ${live.length} of ${chip.topology.qubits}, couplers ${couplers.length} of ${built}, largest regions ${largest.join(" ")}`,
    `medians: pulse error ${percent(of(view.singleQubitError))}, CZ error ${percent(medianOf([...view.czError.values()]))}, ` +
      `P(1|0) ${percent(of(view.readoutP10))}, P(0|1) ${percent(of(view.readoutP01))}`,
  ];
  const t1 = of(view.t1Ns) / 1e3;
  if (Number.isFinite(t1)) {
    lines.push(
      `         T1 ${t1.toFixed(1)} us${Number.isNaN(t2) ? "" : `, T2* ${t2.toFixed(2)} us`}`,
    );
  }
  if (view.assumed.length > 0) {
    lines.push(`${view.assumed.length} missing values replaced by the median of the others`);
  }
  lines.push(`source: ${view.snapshot.source}`);
  return lines;
}

function percent(share: number): string {
  return Number.isNaN(share) ? "none" : `${(100 * share).toPrecision(3)} %`;
}

/** NaN for an empty list. */
function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
