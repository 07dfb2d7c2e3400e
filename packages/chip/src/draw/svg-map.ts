import type { CalibrationSnapshot } from "../calibration.ts";
import { type CalibrationView, createCalibrationView } from "../calibration-view.ts";
import { type ChipModel, newestSnapshot } from "../chip-model.ts";
import { couplerKey } from "../topology.ts";

/** What the heat map shows. */
export interface ChipSvgOptions {
  /** Colour of the qubits. Default: `readout`, the largest error of small circuits. */
  readonly qubits?: "readout" | "pulse";
  /**
   * Groups of qubits to frame, each in a colour of its own, e.g. the regions of packed circuits.
   */
  readonly regions?: readonly (readonly number[])[];
}

/** Distance of neighbouring sites, radius of a qubit, and room around the map, in pixels. */
const pitch = 74;
const radius = 23;
const margin = { left: 46, top: 84, bottom: 108 };

/** Light to dark, readable in grey as well. */
const ramp = ["#fde725", "#7ad151", "#22a884", "#2a788e", "#414487", "#440154"];

/** Frames of regions. */
const frames = [
  "#d62728",
  "#1f77b4",
  "#2ca02c",
  "#ff7f0e",
  "#9467bd",
  "#17becf",
  "#e377c2",
  "#8c564b",
];

/**
 * Draws a chip as an SVG heat map: qubits coloured by error, couplers by CZ error, dead qubits
 * hollow, missing couplers dotted. Every qubit and coupler has a tooltip with its numbers.
 *
 * Effect: pure; a self-contained document with a white background.
 */
export function drawChipSvg(
  chip: ChipModel,
  snapshot: CalibrationSnapshot = newestSnapshot(chip),
  options: ChipSvgOptions = {},
): string {
  const view = createCalibrationView(snapshot);
  const shown = options.qubits ?? "readout";
  const places = placeSites(chip);
  const width = Math.max(560, 2 * margin.left + Math.max(...places.map(({ x }) => x)));
  const height = margin.top + margin.bottom + Math.max(...places.map(({ y }) => y)) + 12;
  const at = (id: number): { readonly x: number; readonly y: number } => ({
    x: margin.left + (places[id]?.x ?? 0),
    y: margin.top + (places[id]?.y ?? 0),
  });
  const qubitError = (id: number): number =>
    shown === "pulse"
      ? (view.singleQubitError[id] ?? Number.NaN)
      : ((view.readoutP10[id] ?? Number.NaN) + (view.readoutP01[id] ?? Number.NaN)) / 2;
  const qubitScale = createScale(view.live.map(qubitError));
  const czScale = createScale([...view.czError.values()]);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif">`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(margin.left - radius, 30, chip.title, { size: 18, weight: 600 }),
    text(margin.left - radius, 50, `${snapshot.id} · ${snapshot.kind} · ${snapshot.calibratedAt}`, {
      size: 12,
      fill: "#555",
    }),
    ...drawRegions(chip, options.regions ?? [], at),
    ...drawCouplers(chip, view, czScale, at),
    ...drawQubits(chip, view, { qubitError, scale: qubitScale, at }),
    ...drawLegend(height - margin.bottom + 44, [
      {
        label:
          shown === "pulse"
            ? "pulse error; numbers in %"
            : "readout error, mean of P(1|0) and P(0|1); numbers in %",
        scale: qubitScale,
      },
      { label: "CZ error", scale: czScale },
    ]),
    "</svg>",
    "",
  ].join("\n");
}

function placeSites(chip: ChipModel): readonly { readonly x: number; readonly y: number }[] {
  const { sites } = chip.topology;
  const top = Math.min(...sites.map(({ row }) => row));
  const left = Math.min(...sites.map(({ col }) => col));
  return sites.map(({ row, col }) => ({ x: pitch * (col - left), y: pitch * (row - top) }));
}

/** A logarithmic colour scale over the errors that occur. */
interface Scale {
  readonly min: number;
  readonly max: number;
  readonly colour: (error: number) => string;
  /** Whether white text is readable on the colour. */
  readonly isDark: (error: number) => boolean;
}

function createScale(errors: readonly number[]): Scale {
  const positive = errors.filter((error) => error > 0);
  const min = positive.length === 0 ? 1e-3 : Math.min(...positive);
  const max = positive.length === 0 ? 1e-1 : Math.max(...positive);
  const share = (error: number): number => {
    if (!(error > 0) || max === min) return 0;
    return Math.min(1, Math.max(0, Math.log(error / min) / Math.log(max / min)));
  };
  return { min, max, colour: (error) => mix(share(error)), isDark: (error) => share(error) > 0.45 };
}

/** Colour of the ramp at a share of 0..1. */
function mix(share: number): string {
  const position = share * (ramp.length - 1);
  const index = Math.min(ramp.length - 2, Math.floor(position));
  const from = channels(ramp[index] ?? "#000000");
  const to = channels(ramp[index + 1] ?? "#000000");
  const rest = position - index;
  const hex = from.map((channel, k) =>
    Math.round(channel + rest * ((to[k] ?? 0) - channel))
      .toString(16)
      .padStart(2, "0"),
  );
  return `#${hex.join("")}`;
}

function channels(colour: string): readonly number[] {
  return [1, 3, 5].map((start) => Number.parseInt(colour.slice(start, start + 2), 16));
}

type At = (id: number) => { readonly x: number; readonly y: number };

function drawCouplers(
  chip: ChipModel,
  view: CalibrationView,
  scale: Scale,
  at: At,
): readonly string[] {
  return chip.topology.couplers.map(({ a, b }) => {
    const [from, to] = [at(a), at(b)];
    const error = view.czError.get(couplerKey(a, b));
    const line = `x1="${from.x}" y1="${from.y}" x2="${to.x}" y2="${to.y}"`;
    if (error === undefined)
      return `<line ${line} stroke="#cccccc" stroke-width="2" stroke-dasharray="2 5"/>`;
    return `<line ${line} stroke="${scale.colour(error)}" stroke-width="9"><title>CZ ${a}-${b}: error ${percent(error)}</title></line>`;
  });
}

function drawQubits(
  chip: ChipModel,
  view: CalibrationView,
  how: { readonly qubitError: (id: number) => number; readonly scale: Scale; readonly at: At },
): readonly string[] {
  const live = new Set(view.live);
  return chip.topology.sites.map((_, id) => {
    const { x, y } = how.at(id);
    if (!live.has(id)) {
      return `<g><circle cx="${x}" cy="${y}" r="${radius - 7}" fill="#ffffff" stroke="#bbbbbb" stroke-width="2"/>${text(x, y + 4, String(id), { size: 11, fill: "#999", anchor: "middle" })}<title>qubit ${id}: dead or not calibrated</title></g>`;
    }
    const error = how.qubitError(id);
    const ink = how.scale.isDark(error) ? "#ffffff" : "#111111";
    return (
      `<g><circle cx="${x}" cy="${y}" r="${radius}" fill="${how.scale.colour(error)}" stroke="#ffffff" stroke-width="2"/>` +
      text(x, y + 1, String(id), { size: 14, weight: 600, fill: ink, anchor: "middle" }) +
      text(x, y + 14, (100 * error).toFixed(error < 0.01 ? 2 : 1), {
        size: 10,
        fill: ink,
        anchor: "middle",
      }) +
      `<title>${tooltip(view, id)}</title></g>`
    );
  });
}

function tooltip(view: CalibrationView, id: number): string {
  const t1 = (view.t1Ns[id] ?? Number.NaN) / 1e3;
  const t2 = view.snapshot.qubits.find((row) => row.id === id)?.values.t2Us?.value;
  return [
    `qubit ${id}`,
    `pulse error ${percent(view.singleQubitError[id] ?? Number.NaN)}`,
    `P(1|0) ${percent(view.readoutP10[id] ?? Number.NaN)}`,
    `P(0|1) ${percent(view.readoutP01[id] ?? Number.NaN)}`,
    ...(Number.isFinite(t1) ? [`T1 ${t1.toFixed(1)} us`] : []),
    ...(t2 === undefined ? [] : [`T2* ${t2.toFixed(2)} us`]),
  ].join(", ");
}

/** A band behind the qubits of each region and the couplers between them. */
function drawRegions(
  chip: ChipModel,
  regions: readonly (readonly number[])[],
  at: At,
): readonly string[] {
  return regions.map((region, index) => {
    const colour = frames[index % frames.length] ?? "#000000";
    const inside = new Set(region);
    const spots = region.map((id) => {
      const { x, y } = at(id);
      return `<circle cx="${x}" cy="${y}" r="${radius + 9}"/>`;
    });
    const links = chip.topology.couplers
      .filter(({ a, b }) => inside.has(a) && inside.has(b))
      .map(({ a, b }) => {
        const [from, to] = [at(a), at(b)];
        return `<line x1="${from.x}" y1="${from.y}" x2="${to.x}" y2="${to.y}" stroke-width="${2 * (radius + 9)}"/>`;
      });
    return `<g fill="${colour}" stroke="${colour}" opacity="0.28">${links.join("")}${spots.join("")}</g>`;
  });
}

function drawLegend(
  top: number,
  rows: readonly { readonly label: string; readonly scale: Scale }[],
): readonly string[] {
  return rows.map(({ label, scale }, index) => {
    const x = margin.left - radius;
    const y = top + index * 42;
    const steps = Array.from(
      { length: 24 },
      (_, step) =>
        `<rect x="${x + step * 8}" y="${y}" width="8.5" height="12" fill="${mix(step / 23)}"/>`,
    );
    return (
      text(x, y - 6, label, { size: 12, fill: "#333" }) +
      steps.join("") +
      text(x + 200, y + 10, `${percent(scale.min)} to ${percent(scale.max)}, logarithmic`, {
        size: 12,
        fill: "#333",
      })
    );
  });
}

function text(
  x: number,
  y: number,
  content: string,
  style: {
    readonly size: number;
    readonly weight?: number;
    readonly fill?: string;
    readonly anchor?: string;
  },
): string {
  const { size, weight = 400, fill = "#111", anchor = "start" } = style;
  const safe = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return `<text x="${x}" y="${y}" font-size="${size}" font-weight="${weight}" fill="${fill}" text-anchor="${anchor}">${safe}</text>`;
}

function percent(share: number): string {
  return Number.isNaN(share) ? "not published" : `${(100 * share).toPrecision(2)} %`;
}
