/** Paints a layout with characters: Unicode box drawing, or plain ASCII. */
import type { Circuit } from "../circuit.ts";
import {
  type DrawingItem,
  type DrawingLayout,
  isIndexed,
  layoutDrawing,
  rowsOf,
} from "./layout.ts";

/** How {@link drawText} draws. */
export interface DrawTextOptions {
  /** Box-drawing characters, or ASCII only. Default `unicode`. */
  readonly charset?: "unicode" | "ascii" | undefined;
  /** Columns of the page; longer circuits are folded. 0: never. Default 100. */
  readonly width?: number | undefined;
}

/**
 * Returns a drawing in characters: qubits from the top, time to the right, a double line per classical register.
 *
 * Cost: characters of the drawing; made for circuits that people read.
 */
export function drawText(circuit: Circuit, options: DrawTextOptions = {}): string {
  const { charset = "unicode", width = 100 } = options;
  const layout = layoutDrawing(circuit, { unicode: charset === "unicode" });
  if (circuit.qubits + layout.registers.length === 0) return "(empty circuit)\n";
  const columns = columnWidths(layout);
  const names = rowNames(layout);
  const nameWidth = Math.max(...names.map((name) => name.length));
  const text = foldColumns(
    columns,
    width === 0 ? Number.POSITIVE_INFINITY : Math.max(20, width - nameWidth - 4),
  )
    .map((range, i, all) =>
      paint(layout, columns, range, {
        names,
        nameWidth,
        isFirst: i === 0,
        isLast: i === all.length - 1,
      }),
    )
    .join("\n\n");
  const lines = text.split("\n").map((line) => line.trimEnd());
  return `${(charset === "unicode" ? lines : lines.map(toAscii)).join("\n")}\n`;
}

const asciiOf: Readonly<Record<string, string>> = {
  "─": "-",
  "│": "|",
  "┌": "+",
  "┐": "+",
  "└": "+",
  "┘": "+",
  "┤": "|",
  "├": "|",
  "┴": "+",
  "┬": "+",
  "┼": "+",
  "■": "@",
  "○": "o",
  "×": "x",
  "═": "=",
  "║": ":",
  "╫": "+",
  "╪": "+",
  "╬": "+",
  "╥": "+",
  "╨": "+",
  "╩": "+",
  "◆": "@",
  "░": ":",
  "«": "<",
  "»": ">",
  "╱": "/",
};

function toAscii(line: string): string {
  return line.replace(/[^\n -~]/g, (character) => asciiOf[character] ?? "?");
}

function itemWidth(item: DrawingItem): number {
  const box =
    item.box === undefined
      ? 0
      : item.box.label.length + 4 + (isIndexed(item.box) ? indexWidth(item.box.rows) + 1 : 0);
  const text = item.classical === undefined ? 0 : item.classical.text.length;
  return Math.max(box, text, 1);
}

function indexWidth(rows: readonly number[]): number {
  return String(rows.length - 1).length;
}

function columnWidths(layout: DrawingLayout): readonly number[] {
  const widths = Array.from({ length: layout.columns }, () => 1);
  for (const item of layout.items)
    widths[item.column] = Math.max(widths[item.column] ?? 1, itemWidth(item));
  return widths;
}

function rowNames(layout: DrawingLayout): readonly string[] {
  return [
    ...layout.qubitNames.map((name) => `${name}: `),
    ...layout.registers.map(({ name, size }) => `${name}: ${size}╱`),
  ];
}

interface Range {
  readonly from: number;
  readonly to: number;
}

function foldColumns(widths: readonly number[], room: number): readonly Range[] {
  const ranges: Range[] = [];
  let from = 0;
  let used = 1;
  widths.forEach((width, column) => {
    if (column > from && used + width + 1 > room) {
      ranges.push({ from, to: column });
      from = column;
      used = 1;
    }
    used += width + 1;
  });
  ranges.push({ from, to: widths.length });
  return ranges;
}

interface Page {
  readonly names: readonly string[];
  readonly nameWidth: number;
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

/** Each row has three lines: above its wire, the wire, below. */
type Canvas = string[][];

function paint(layout: DrawingLayout, widths: readonly number[], range: Range, page: Page): string {
  const rows = layout.qubitNames.length + layout.registers.length;
  const starts: number[] = [];
  let x = 1;
  for (let column = range.from; column < range.to; column++) {
    starts.push(x);
    x += (widths[column] ?? 1) + 1;
  }
  const canvas: Canvas = Array.from({ length: 3 * rows }, (_, line) => {
    const isWire = line % 3 === 1;
    const wire = Math.floor(line / 3) < layout.qubitNames.length ? "─" : "═";
    return Array.from({ length: x }, () => (isWire ? wire : " "));
  });
  for (const item of layout.items) {
    if (item.column < range.from || item.column >= range.to) continue;
    const start = starts[item.column - range.from] ?? 0;
    paintItem(canvas, item, start, widths[item.column] ?? 1, layout.qubitNames.length);
  }
  return mergeLines(canvas, layout.qubitNames.length, page);
}

function put(canvas: Canvas, line: number, x: number, text: string): void {
  const row = canvas[line];
  if (row === undefined) return;
  for (let i = 0; i < text.length; i++) row[x + i] = text[i] ?? " ";
}

const crossings: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "│": { "─": "┼", "═": "╪", " ": "│" },
  "║": { "─": "╫", "═": "╬", " ": "║" },
};

/** A vertical line that crosses wires and leaves everything else alone. */
function cross(canvas: Canvas, from: number, to: number, x: number, stroke: "│" | "║"): void {
  for (let line = from; line <= to; line++) {
    const row = canvas[line];
    const crossed = crossings[stroke]?.[row?.[x] ?? ""];
    if (row !== undefined && crossed !== undefined) row[x] = crossed;
  }
}

function paintItem(
  canvas: Canvas,
  item: DrawingItem,
  start: number,
  width: number,
  qubits: number,
): void {
  const center = start + Math.floor((width - 1) / 2);
  if (item.barrier !== undefined) {
    for (const row of item.barrier)
      for (let line = 0; line < 3; line++) put(canvas, 3 * row + line, center, "░");
    return;
  }
  const quantum = rowsOf(item).filter((row) => row < qubits);
  const box = item.box;
  const boxTop = box === undefined ? undefined : Math.min(...box.rows);
  const boxBottom = box === undefined ? undefined : Math.max(...box.rows);
  if (box !== undefined && boxTop !== undefined && boxBottom !== undefined)
    paintBox(canvas, box, start, width);
  if (quantum.length > 1) {
    const top = Math.min(...quantum);
    const bottom = Math.max(...quantum);
    if (boxTop === undefined || boxBottom === undefined)
      cross(canvas, 3 * top + 2, 3 * bottom, center, "│");
    else {
      if (top < boxTop) {
        cross(canvas, 3 * top + 2, 3 * boxTop - 1, center, "│");
        put(canvas, 3 * boxTop, center, "┴");
      }
      if (bottom > boxBottom) {
        put(canvas, 3 * boxBottom + 2, center, "┬");
        cross(canvas, 3 * boxBottom + 3, 3 * bottom, center, "│");
      }
    }
  }
  for (const mark of item.marks)
    put(
      canvas,
      3 * mark.row + 1,
      center,
      mark.kind === "dot" ? "■" : mark.kind === "ring" ? "○" : "×",
    );
  if (item.classical !== undefined) paintClassical(canvas, item, quantum, center, boxBottom);
}

function paintClassical(
  canvas: Canvas,
  item: DrawingItem,
  quantum: readonly number[],
  center: number,
  boxBottom: number | undefined,
): void {
  const { classical } = item;
  if (classical === undefined) return;
  if (quantum.length > 0) {
    const from = Math.max(...quantum);
    if (from === boxBottom) put(canvas, 3 * from + 2, center, "╥");
    else cross(canvas, 3 * from + 2, 3 * from + 2, center, "║");
    cross(canvas, 3 * from + 3, 3 * classical.row, center, "║");
  }
  put(canvas, 3 * classical.row + 1, center, classical.decides ? "◆" : "╩");
  put(
    canvas,
    3 * classical.row + 2,
    center - Math.floor((classical.text.length - 1) / 2),
    classical.text,
  );
}

function paintBox(
  canvas: Canvas,
  box: NonNullable<DrawingItem["box"]>,
  start: number,
  width: number,
): void {
  const top = Math.min(...box.rows);
  const bottom = Math.max(...box.rows);
  const many = isIndexed(box);
  const inner = box.label.length + 2 + (many ? indexWidth(box.rows) + 1 : 0);
  const left = start + Math.floor((width - inner - 2) / 2);
  put(canvas, 3 * top, left, `┌${"─".repeat(inner)}┐`);
  put(canvas, 3 * bottom + 2, left, `└${"─".repeat(inner)}┘`);
  const middle = Math.floor((3 * top + 1 + 3 * bottom + 1) / 2);
  for (let line = 3 * top + 1; line <= 3 * bottom + 1; line++) {
    const row = Math.floor(line / 3);
    const isWire = line % 3 === 1 && box.rows.includes(row);
    const index = isWire && many ? String(box.rows.indexOf(row)) : "";
    const label = line === middle ? ` ${box.label} ` : " ".repeat(box.label.length + 2);
    const content = many ? index.padEnd(indexWidth(box.rows)) + " " + label : label;
    put(canvas, line, left, `${isWire ? "┤" : "│"}${content}${isWire ? "├" : "│"}`);
  }
}

/** Joins the line below a row with the line above the next one where they do not disturb each other. */
function mergeLines(canvas: Canvas, qubits: number, page: Page): string {
  const lines: { text: string; row: number; kind: number }[] = [];
  canvas.forEach((characters, line) => {
    const text = characters.join("");
    const kind = line % 3;
    const row = Math.floor(line / 3);
    const before = lines.at(-1);
    if (kind === 0 && before?.kind === 2) {
      const merged = row <= qubits ? overlay(before.text, text) : undefined;
      if (merged !== undefined) {
        before.text = merged;
        return;
      }
    }
    lines.push({ text, row, kind });
  });
  return lines
    .filter(({ text, kind }) => kind === 1 || text.trim() !== "")
    .map(({ text, row, kind }) => {
      const name =
        kind === 1 ? (page.names[row] ?? "").padStart(page.nameWidth) : " ".repeat(page.nameWidth);
      const before = page.isFirst ? "" : kind === 1 ? "«" : " ";
      const after = page.isLast ? "" : kind === 1 ? "»" : "";
      return `${name}${before}${text}${after}`;
    })
    .join("\n");
}

function overlay(a: string, b: string): string | undefined {
  let merged = "";
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const [x, y] = [a[i] ?? " ", b[i] ?? " "];
    if (x === " " || (x === "│" && y === "┴")) merged += y;
    else if ((x === "┬" && y === "│") || (x === "╥" && y === "║")) merged += x;
    else if (y === " " || x === y) {
      if (x === y && !"│║░".includes(x)) return undefined;
      merged += x;
    } else return undefined;
  }
  return merged;
}
