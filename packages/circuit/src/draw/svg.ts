/** Paints a layout as SVG: one file without scripts, fonts or links. */
import type { Circuit } from "../circuit.ts";
import {
  type Category,
  type DrawingItem,
  type DrawingLayout,
  isIndexed,
  layoutDrawing,
  rowsOf,
} from "./layout.ts";

/** How {@link drawSvg} draws. */
export interface DrawSvgOptions {
  /** Width of the page in pixels; longer circuits are folded. 0: never. Default 1000. */
  readonly width?: number | undefined;
  /** Default: the circuit's name, if it has one. */
  readonly title?: string | undefined;
}

const rowHeight = 44;
const boxHeight = 30;
const gap = 10;
const letter = 7.6;
const margin = 14;

const fills: Readonly<Record<Category, string>> = {
  pauli: "#cfe3ff",
  clifford: "#d8f3dc",
  rotation: "#ffe5c2",
  other: "#ececec",
  measure: "#ffffff",
  reset: "#ffffff",
  flow: "#f3e8ff",
  defined: "#fff3b0",
};

/**
 * Returns a drawing as SVG text.
 *
 * Cost: about 300 characters per operation.
 */
export function drawSvg(circuit: Circuit, options: DrawSvgOptions = {}): string {
  const { width = 1000, title = circuit.name } = options;
  const layout = layoutDrawing(circuit, { unicode: true });
  const names = [...layout.qubitNames, ...layout.registers.map(({ name }) => name)];
  const nameWidth = Math.max(20, ...names.map((name) => textWidth(name))) + 10;
  const widths = Array.from({ length: layout.columns }, () => boxHeight);
  for (const item of layout.items)
    widths[item.column] = Math.max(widths[item.column] ?? 0, itemWidth(item));
  const room =
    width === 0 ? Number.POSITIVE_INFINITY : Math.max(200, width - 2 * margin - nameWidth);
  const blocks = fold(widths, room);
  const blockHeight = names.length * rowHeight + (layout.registers.length > 0 ? 10 : 0);
  const titleHeight = title === undefined ? 0 : 26;
  const parts: string[] = [];
  let total = 0;
  blocks.forEach(({ from, to }, i) => {
    const top = margin + titleHeight + i * (blockHeight + 24);
    const { body, right } = paintBlock(layout, widths, {
      from,
      to,
      top,
      left: margin + nameWidth,
      names,
      isLast: i === blocks.length - 1,
    });
    parts.push(body);
    total = Math.max(total, right);
  });
  const height = margin * 2 + titleHeight + blocks.length * blockHeight + (blocks.length - 1) * 24;
  const full = Math.ceil(
    Math.max(total + margin, margin * 2 + (title === undefined ? 0 : textWidth(title))),
  );
  const heading =
    title === undefined
      ? ""
      : `<text x="${margin}" y="${margin + 12}" font-size="15" font-weight="600">${escape(title)}</text>\n`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${full}" height="${height}" viewBox="0 0 ${full} ${height}" font-family="ui-sans-serif, system-ui, 'DejaVu Sans', sans-serif" font-size="13" fill="#1b1f24">
<rect width="100%" height="100%" fill="#ffffff"/>
${heading}${parts.join("\n")}
</svg>
`;
}

function textWidth(text: string): number {
  return text.length * letter;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function itemWidth(item: DrawingItem): number {
  const box =
    item.box === undefined ? 0 : textWidth(item.box.label) + 16 + (isIndexed(item.box) ? 14 : 0);
  const text = item.classical === undefined ? 0 : textWidth(item.classical.text) * 0.85;
  return Math.max(box, text, boxHeight);
}

function fold(
  widths: readonly number[],
  room: number,
): readonly { readonly from: number; readonly to: number }[] {
  const ranges: { from: number; to: number }[] = [];
  let from = 0;
  let used = gap;
  widths.forEach((width, column) => {
    if (column > from && used + width + gap > room) {
      ranges.push({ from, to: column });
      from = column;
      used = gap;
    }
    used += width + gap;
  });
  ranges.push({ from, to: widths.length });
  return ranges;
}

interface Block {
  readonly from: number;
  readonly to: number;
  readonly top: number;
  readonly left: number;
  readonly names: readonly string[];
  readonly isLast: boolean;
}

function paintBlock(
  layout: DrawingLayout,
  widths: readonly number[],
  block: Block,
): { readonly body: string; readonly right: number } {
  const { from, to, top, left, names } = block;
  const y = (row: number): number => top + row * rowHeight + rowHeight / 2;
  const starts = new Map<number, number>();
  let x = left + gap;
  for (let column = from; column < to; column++) {
    starts.set(column, x);
    x += (widths[column] ?? 0) + gap;
  }
  const parts: string[] = [];
  names.forEach((name, row) => {
    parts.push(
      `<text x="${left - 8}" y="${y(row) + 4.5}" text-anchor="end">${escape(name)}</text>`,
    );
    if (row < layout.qubitNames.length)
      parts.push(`<line x1="${left}" y1="${y(row)}" x2="${x}" y2="${y(row)}" stroke="#57606a"/>`);
    else {
      const size = layout.registers[row - layout.qubitNames.length]?.size ?? 0;
      for (const dy of [-1.5, 1.5])
        parts.push(
          `<line x1="${left}" y1="${y(row) + dy}" x2="${x}" y2="${y(row) + dy}" stroke="#8c959f"/>`,
        );
      parts.push(
        `<line x1="${left + 2}" y1="${y(row) + 6}" x2="${left + 8}" y2="${y(row) - 6}" stroke="#8c959f"/>`,
        `<text x="${left + 2}" y="${y(row) - 8}" font-size="10" fill="#57606a">${size}</text>`,
      );
    }
  });
  for (const item of layout.items) {
    const start = starts.get(item.column);
    if (start !== undefined)
      parts.push(
        paintItem(item, start + (widths[item.column] ?? 0) / 2, y, layout.qubitNames.length),
      );
  }
  if (!block.isLast)
    parts.push(
      `<line x1="${x}" y1="${y(0) - 14}" x2="${x}" y2="${y(names.length - 1) + 14}" stroke="#8c959f" stroke-dasharray="3 3"/>`,
    );
  return { body: parts.join("\n"), right: x };
}

function paintItem(
  item: DrawingItem,
  x: number,
  y: (row: number) => number,
  qubits: number,
): string {
  if (item.barrier !== undefined) {
    return item.barrier
      .map(
        (row) =>
          `<rect x="${x - 5}" y="${y(row) - rowHeight / 2}" width="10" height="${rowHeight}" fill="#8c959f" fill-opacity="0.25"/><line x1="${x}" y1="${y(row) - rowHeight / 2}" x2="${x}" y2="${y(row) + rowHeight / 2}" stroke="#57606a" stroke-dasharray="4 3"/>`,
      )
      .join("");
  }
  const quantum = rowsOf(item).filter((row) => row < qubits);
  const parts: string[] = [];
  if (quantum.length > 1)
    parts.push(
      `<line x1="${x}" y1="${y(Math.min(...quantum))}" x2="${x}" y2="${y(Math.max(...quantum))}" stroke="#1b1f24" stroke-width="1.4"/>`,
    );
  if (item.classical !== undefined) parts.push(paintClassical(item, x, y, quantum));
  if (item.box !== undefined) {
    const middle = y(item.box.rows[0] ?? 0);
    if (item.box.category === "measure") parts.push(paintMeter(x, middle));
    else if (item.box.label === "X" && item.marks.length > 0) parts.push(paintPlus(x, middle));
    else parts.push(paintBox(item.box, x, y));
  }
  for (const mark of item.marks) parts.push(paintMark(mark.kind, x, y(mark.row)));
  return parts.join("");
}

function paintMark(kind: "dot" | "ring" | "cross", x: number, y: number): string {
  if (kind === "dot") return `<circle cx="${x}" cy="${y}" r="5" fill="#1b1f24"/>`;
  if (kind === "ring")
    return `<circle cx="${x}" cy="${y}" r="5" fill="#ffffff" stroke="#1b1f24" stroke-width="1.4"/>`;
  return `<path d="M${x - 6} ${y - 6}L${x + 6} ${y + 6}M${x - 6} ${y + 6}L${x + 6} ${y - 6}" stroke="#1b1f24" stroke-width="1.8"/>`;
}

function paintClassical(
  item: DrawingItem,
  x: number,
  y: (row: number) => number,
  quantum: readonly number[],
): string {
  const { classical } = item;
  if (classical === undefined) return "";
  const bottom = y(classical.row);
  const lines =
    quantum.length === 0
      ? ""
      : [-1.5, 1.5]
          .map(
            (dx) =>
              `<line x1="${x + dx}" y1="${y(Math.max(...quantum))}" x2="${x + dx}" y2="${bottom}" stroke="#8c959f"/>`,
          )
          .join("");
  const head = classical.decides
    ? `<circle cx="${x}" cy="${bottom}" r="4.5" fill="#57606a"/>`
    : `<path d="M${x - 5} ${bottom - 8}L${x + 5} ${bottom - 8}L${x} ${bottom - 1}Z" fill="#57606a"/>`;
  return `${lines}${head}<text x="${x}" y="${bottom + 17}" font-size="11" text-anchor="middle" fill="#57606a">${escape(classical.text)}</text>`;
}

/** The target of a controlled X. */
function paintPlus(x: number, y: number): string {
  return `<circle cx="${x}" cy="${y}" r="11" fill="#ffffff" stroke="#1b1f24" stroke-width="1.4"/><path d="M${x - 11} ${y}H${x + 11}M${x} ${y - 11}V${y + 11}" stroke="#1b1f24" stroke-width="1.4"/>`;
}

function paintMeter(x: number, y: number): string {
  const half = boxHeight / 2;
  return `<rect x="${x - half}" y="${y - half}" width="${boxHeight}" height="${boxHeight}" rx="3" fill="#ffffff" stroke="#1b1f24"/><path d="M${x - 9} ${y + 6}A9 9 0 0 1 ${x + 9} ${y + 6}M${x} ${y + 6}L${x + 7} ${y - 7}" fill="none" stroke="#1b1f24" stroke-width="1.4"/>`;
}

function paintBox(
  box: NonNullable<DrawingItem["box"]>,
  x: number,
  y: (row: number) => number,
): string {
  const top = y(Math.min(...box.rows)) - boxHeight / 2;
  const bottom = y(Math.max(...box.rows)) + boxHeight / 2;
  const many = isIndexed(box);
  const width = Math.max(boxHeight, textWidth(box.label) + 16 + (many ? 14 : 0));
  const left = x - width / 2;
  const parts = [
    `<rect x="${left}" y="${top}" width="${width}" height="${bottom - top}" rx="3" fill="${fills[box.category]}" stroke="#1b1f24"/>`,
  ];
  if (many)
    box.rows.forEach((row, i) =>
      parts.push(
        `<text x="${left + 5}" y="${y(row) + 4}" font-size="10" fill="#57606a">${i}</text>`,
      ),
    );
  parts.push(
    `<text x="${x + (many ? 6 : 0)}" y="${(top + bottom) / 2 + 4.5}" text-anchor="middle">${escape(box.label)}</text>`,
  );
  return parts.join("");
}
