/**
 * One execution as a picture: the chip with its couplers, and each circuit on its region in a colour of its own.
 */
import { type CalibrationSnapshot, type ChipModel, couplerKey, newestSnapshot } from "@qtune/chip";
import type { ChipExecution, ChipPlan, PlannedPlace } from "./plan.ts";

/** What to draw. */
export interface PackingPicture {
  readonly chip: ChipModel;
  readonly snapshot?: CalibrationSnapshot | undefined;
  readonly plan: ChipPlan;
  readonly execution: ChipExecution;
  /** Structure of each item of the plan. Default: all of the first. */
  readonly shapeOf?: ((item: number) => number) | undefined;
  readonly title?: string | undefined;
}

/** Distance of two sites, and the room around them, in pixels. */
const pitch = 56;
const margin = 44;
const radius = 15;
const legendWidth = 250;

/** Colours that stay apart for most colour-blind readers (Okabe and Ito 2008, black left out), lighter in every second turn. */
const colours = [
  "#0072b2",
  "#e69f00",
  "#009e73",
  "#cc79a7",
  "#d55e00",
  "#56b4e9",
  "#b8a500",
] as const;

/**
 * Draws an execution as SVG.
 *
 * Effect: pure.
 */
export function drawPacking(picture: PackingPicture): string {
  const { chip, plan, execution, shapeOf = () => 0 } = picture;
  const snapshot = picture.snapshot ?? newestSnapshot(chip);
  const placed = execution.items.flatMap(({ item, place, predictedFidelity }) => {
    const where = plan.places[shapeOf(item)]?.[place];
    if (where === undefined) return [];
    return [{ item, where, predictedFidelity: predictedFidelity ?? where.predictedFidelity }];
  });
  const rows = Math.max(...chip.topology.sites.map(({ row }) => row)) + 1;
  const cols = Math.max(...chip.topology.sites.map(({ col }) => col)) + 1;
  const width = 2 * margin + (cols - 1) * pitch + legendWidth;
  const height = Math.max(2 * margin + (rows - 1) * pitch + 30, 130 + placed.length * 24);
  const title = picture.title ?? `${chip.title}: ${placed.length} circuits side by side`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" role="img">`,
    `<title>${escapeText(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="${margin - radius}" y="22" font-size="14" fill="#222222">${escapeText(title)}</text>`,
    ...drawCouplers(chip, snapshot, placed),
    ...drawQubits(chip, snapshot, placed),
    ...drawNames(chip, placed),
    ...drawLegend(2 * margin + (cols - 1) * pitch, placed),
    "</svg>",
  ].join("\n");
}

interface Placed {
  readonly item: number;
  readonly where: PlannedPlace;
  readonly predictedFidelity: number;
}

function colourOf(index: number): string {
  const colour = colours[index % colours.length] ?? colours[0];
  const isLighter = Math.floor(index / colours.length) % 2 === 1;
  if (!isLighter) return colour;
  const parts = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  const mixed = parts.map((part) => Math.round(0.6 * part + 0.4 * 255));
  return `#${mixed.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

function ownersOf(placed: readonly Placed[]): ReadonlyMap<number, number> {
  return new Map(
    placed.flatMap(({ where }, index) => where.qubits.map((qubit) => [qubit, index] as const)),
  );
}

function spot(chip: ChipModel, qubit: number): { readonly x: number; readonly y: number } {
  const { row = 0, col = 0 } = chip.topology.sites[qubit] ?? {};
  return { x: margin + col * pitch, y: margin + 16 + row * pitch };
}

function drawCouplers(
  chip: ChipModel,
  snapshot: CalibrationSnapshot,
  placed: readonly Placed[],
): string[] {
  const working = new Set(snapshot.couplers.map(({ a, b }) => couplerKey(a, b)));
  const owners = ownersOf(placed);
  return chip.topology.couplers.map(({ a, b }) => {
    const from = spot(chip, a);
    const to = spot(chip, b);
    const owner = owners.get(a);
    const inside = working.has(couplerKey(a, b)) && owner !== undefined && owner === owners.get(b);
    const style = inside
      ? `stroke="${colourOf(owner)}" stroke-width="9"`
      : working.has(couplerKey(a, b))
        ? 'stroke="#bbbbbb" stroke-width="2"'
        : 'stroke="#dddddd" stroke-width="1.5" stroke-dasharray="2 5"';
    return `<line x1="${from.x}" y1="${from.y}" x2="${to.x}" y2="${to.y}" ${style}/>`;
  });
}

function drawQubits(
  chip: ChipModel,
  snapshot: CalibrationSnapshot,
  placed: readonly Placed[],
): string[] {
  const live = new Set(snapshot.qubits.map(({ id }) => id));
  const owners = ownersOf(placed);
  return chip.topology.sites.flatMap((_, qubit) => {
    const { x, y } = spot(chip, qubit);
    const owner = owners.get(qubit);
    const fill = owner === undefined ? "#ffffff" : colourOf(owner);
    const stroke = live.has(qubit)
      ? owner === undefined
        ? "#888888"
        : colourOf(owner)
      : "#cccccc";
    const dash = live.has(qubit) ? "" : ' stroke-dasharray="3 3"';
    const ink = owner !== undefined ? "#ffffff" : live.has(qubit) ? "#555555" : "#bbbbbb";
    return [
      `<circle cx="${x}" cy="${y}" r="${radius}" fill="${fill}" stroke="${stroke}" stroke-width="2"${dash}/>`,
      `<text x="${x}" y="${y + 4}" font-size="11" text-anchor="middle" fill="${ink}">${qubit}</text>`,
    ];
  });
}

/** The number of each circuit in the middle of its region: colours repeat, numbers do not. */
function drawNames(chip: ChipModel, placed: readonly Placed[]): string[] {
  return placed.map(({ item, where }, index) => {
    const spots = where.qubits.map((qubit) => spot(chip, qubit));
    const middle = spots.reduce((sum, at) => sum + at.x, 0) / spots.length;
    const y = spots.reduce((sum, at) => sum + at.y, 0) / spots.length;
    // a region in one line has its number beside it
    const isRow = spots.every((at) => at.y === spots[0]?.y);
    const isColumn = !isRow && spots.every((at) => at.x === spots[0]?.x);
    const covers = spots.some((at) => Math.hypot(at.x - middle, at.y - y) < radius);
    const x = isColumn || (covers && !isRow) ? middle + 2 * radius : middle;
    const style = `font-size="13" font-weight="bold" text-anchor="middle" fill="${colourOf(index)}" stroke="#ffffff" stroke-width="3" paint-order="stroke"`;
    return `<text x="${x.toFixed(1)}" y="${(isRow ? y - radius - 6 : y + 5).toFixed(1)}" ${style}>#${item}</text>`;
  });
}

function drawLegend(left: number, placed: readonly Placed[]): string[] {
  const line = (index: number, mark: string, text: string) => {
    const y = 60 + index * 24;
    return `${mark.replaceAll("{y}", String(y))}<text x="${left + 24}" y="${y + 5}" font-size="12" fill="#333333">${escapeText(text)}</text>`;
  };
  const entries = placed.map(({ item, predictedFidelity }, index) =>
    line(
      index,
      `<circle cx="${left + 8}" cy="{y}" r="8" fill="${colourOf(index)}"/>`,
      `#${item}: predicted fidelity ${predictedFidelity.toFixed(3)}`,
    ),
  );
  const open = `<circle cx="${left + 8}" cy="{y}" r="7" fill="#ffffff" stroke="#888888" stroke-width="2"/>`;
  const dead = `<circle cx="${left + 8}" cy="{y}" r="7" fill="#ffffff" stroke="#cccccc" stroke-width="2" stroke-dasharray="3 3"/>`;
  return [
    ...entries,
    line(placed.length, open, "idle"),
    line(placed.length + 1, dead, "not calibrated (dashed lines, too)"),
  ];
}

function escapeText(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
