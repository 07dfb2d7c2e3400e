/**
 * Charts as inline SVG without a script: they live in a file that is mailed around and printed.
 */

/** A curve of a {@link lineChart}: y values at x = 1, 2, 3, … */
export interface Curve {
  readonly name: string;
  readonly color: string;
  readonly values: readonly number[];
  readonly dashed?: boolean;
}

const width = 760;
const margin = { left: 56, right: 16, top: 16, bottom: 40 };

/** Draws curves over steps, with a legend. The y axis starts at 0. */
export function lineChart(
  curves: readonly Curve[],
  labels: { readonly x: string; readonly y: string; readonly title: string },
): string {
  const height = 320;
  const steps = Math.max(2, ...curves.map((curve) => curve.values.length));
  const top = niceCeiling(
    Math.max(...curves.flatMap((curve) => curve.values.filter(Number.isFinite)), 1e-9),
  );
  const x = (step: number): number =>
    margin.left + ((step - 1) / (steps - 1)) * (width - margin.left - margin.right);
  const y = (value: number): number =>
    margin.top + (1 - value / top) * (height - margin.top - margin.bottom);
  const lines = curves.map((curve) => {
    const points = curve.values
      .map((value, index) => `${round(x(index + 1))},${round(y(Math.min(value, top)))}`)
      .join(" ");
    const dash = curve.dashed === true ? ' stroke-dasharray="6 4"' : "";
    return `<polyline fill="none" stroke="${curve.color}" stroke-width="2" stroke-linejoin="round"${dash} points="${points}"><title>${escapeText(curve.name)}</title></polyline>`;
  });
  const ticksY = ticks(top).map(
    (value) =>
      `<line class="grid" x1="${margin.left}" x2="${width - margin.right}" y1="${round(y(value))}" y2="${round(y(value))}"/><text x="${margin.left - 8}" y="${round(y(value)) + 4}" text-anchor="end">${printTick(value)}</text>`,
  );
  const every = Math.max(1, Math.ceil(steps / 8));
  const ticksX = Array.from({ length: steps }, (_, index) => index + 1)
    .filter((step) => step === 1 || step % every === 0)
    .map(
      (step) =>
        `<text x="${round(x(step))}" y="${height - margin.bottom + 18}" text-anchor="middle">${step}</text>`,
    );
  const legend = legendRow(curves.map((curve) => ({ name: curve.name, color: curve.color })));
  return figure(
    labels.title,
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeText(labels.title)}">${ticksY.join("")}${ticksX.join("")}${lines.join("")}<text x="${width / 2}" y="${height - 4}" text-anchor="middle">${escapeText(labels.x)}</text><text transform="translate(14 ${height / 2}) rotate(-90)" text-anchor="middle">${escapeText(labels.y)}</text></svg>${legend}`,
  );
}

/** A bar of a {@link barChart}. */
export interface Bar {
  readonly name: string;
  readonly color: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Draws horizontal bars with 95 % intervals. Values from 0 to `max`. */
export function barChart(
  bars: readonly Bar[],
  labels: {
    readonly title: string;
    readonly max: number;
    readonly print: (value: number) => string;
  },
): string {
  const rowHeight = 34;
  const left = 190;
  const height = bars.length * rowHeight + 30;
  const x = (value: number): number =>
    left + (Math.max(0, Math.min(labels.max, value)) / labels.max) * (width - left - 90);
  const rows = bars.map((bar, index) => {
    const y = 8 + index * rowHeight;
    const middle = y + 11;
    return [
      `<text x="${left - 10}" y="${middle + 4}" text-anchor="end">${escapeText(bar.name)}</text>`,
      `<rect x="${left}" y="${y}" width="${round(Math.max(0.5, x(bar.value) - left))}" height="22" rx="3" fill="${bar.color}"/>`,
      `<line class="whisker" x1="${round(x(bar.low))}" x2="${round(x(bar.high))}" y1="${middle}" y2="${middle}"/>`,
      `<line class="whisker" x1="${round(x(bar.low))}" x2="${round(x(bar.low))}" y1="${middle - 5}" y2="${middle + 5}"/>`,
      `<line class="whisker" x1="${round(x(bar.high))}" x2="${round(x(bar.high))}" y1="${middle - 5}" y2="${middle + 5}"/>`,
      `<text x="${round(x(Math.max(bar.high, bar.value))) + 8}" y="${middle + 4}">${escapeText(labels.print(bar.value))}</text>`,
    ].join("");
  });
  const axis = `<line class="grid" x1="${left}" x2="${left}" y1="0" y2="${height - 22}"/>`;
  return figure(
    labels.title,
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeText(labels.title)}">${axis}${rows.join("")}</svg>`,
  );
}

/** Escapes text for HTML and SVG. */
export function escapeText(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** Smooths a curve by an exponential moving average that starts unbiased. Range: 0 ≤ memory < 1. */
export function smooth(values: readonly number[], memory: number): number[] {
  let mean = 0;
  let weight = 0;
  return values.map((value) => {
    mean = memory * mean + (1 - memory) * value;
    weight = memory * weight + (1 - memory);
    return mean / weight;
  });
}

function figure(title: string, body: string): string {
  return `<figure><figcaption>${escapeText(title)}</figcaption>${body}</figure>`;
}

function legendRow(items: readonly { readonly name: string; readonly color: string }[]): string {
  const entries = items.map(
    (item) => `<span><i style="background:${item.color}"></i>${escapeText(item.name)}</span>`,
  );
  return `<p class="legend">${entries.join("")}</p>`;
}

function niceCeiling(value: number): number {
  const scale = 10 ** Math.floor(Math.log10(value));
  const step =
    [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((candidate) => candidate * scale >= value) ?? 10;
  return step * scale;
}

function ticks(top: number): number[] {
  return Array.from({ length: 6 }, (_, index) => (top * index) / 5);
}

function printTick(value: number): string {
  return value === 0 ? "0" : value.toPrecision(2).replace(/\.?0+$/, "");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
