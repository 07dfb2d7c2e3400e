/**
 * The header of a safetensors file: parsing with every check a hostile file calls for, and printing.
 * Layout: u64 little-endian header length, JSON, data. Offsets count from the end of the header; tensors fill the data
 * without gap or overlap.
 */
import { type Issue, QtuneError, shapeSize } from "@qtune/base";
import { isPlainDtype, type PlainDtype, plainDtypes } from "../dtype-table.ts";
import { findRepeatedKey } from "./repeated-key.ts";

/** One row of the header. `begin` and `end` count from the start of the data. */
export interface HeaderEntry {
  readonly name: string;
  readonly dtype: PlainDtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

/** What a header holds. */
export interface SafetensorsHeader {
  readonly entries: readonly HeaderEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** The format's own limit, which every writer keeps: a longer header is an attack or another kind of file. */
export const maxHeaderBytes = 100_000_000;

/**
 * Parses the JSON text of a header.
 *
 * Errors: data_loss with all issues when the text is not a header or the tensors do not fill `dataBytes` exactly.
 */
export function parseHeader(text: string, dataBytes: number, file: string): SafetensorsHeader {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new QtuneError("data_loss", "the header is not JSON; the file is damaged", {
      where: file,
      cause,
    });
  }
  if (!isRecord(json)) {
    throw new QtuneError("data_loss", "expected a JSON object as header", { where: file });
  }
  const repeated = findRepeatedKey(text);
  if (repeated !== undefined) {
    const problem = `expected each name once but the header holds ${JSON.stringify(repeated)} twice; do not trust the file`;
    throw new QtuneError("data_loss", problem, { where: file });
  }
  const issues: Issue[] = [];
  const entries: HeaderEntry[] = [];
  for (const [name, value] of Object.entries(json)) {
    if (name === "__metadata__") continue;
    const entry = toEntry(name, value, file, issues);
    if (entry !== undefined) entries.push(entry);
  }
  if (issues.length === 0) issues.push(...layoutIssues(entries, dataBytes, file));
  if (issues.length > 0) throw QtuneError.fromIssues(issues, "data_loss");
  return { entries, metadata: toMetadata(json["__metadata__"], file) };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && Number(value) >= 0;

function toMetadata(value: unknown, file: string): Record<string, string> {
  if (value === undefined) return {};
  const isText =
    isRecord(value) && Object.values(value).every((entry) => typeof entry === "string");
  if (!isText) {
    throw new QtuneError("data_loss", "expected text values only", {
      where: `${file}: __metadata__`,
    });
  }
  return value as Record<string, string>; // checked just above
}

function toEntry(
  name: string,
  value: unknown,
  file: string,
  issues: Issue[],
): HeaderEntry | undefined {
  const where = `tensor ${name}`;
  if (!isRecord(value)) {
    issues.push({ where, file, expected: "an object", given: JSON.stringify(value) });
    return undefined;
  }
  const { dtype, shape, data_offsets: offsets } = value;
  if (typeof dtype !== "string" || !isPlainDtype(dtype)) {
    const expected = `a dtype among ${Object.keys(plainDtypes).join(", ")}`;
    issues.push({ where: `${where}.dtype`, file, expected, given: JSON.stringify(dtype) });
    return undefined;
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    const given = JSON.stringify(shape);
    issues.push({ where: `${where}.shape`, file, expected: "a list of sizes", given });
    return undefined;
  }
  const [begin, end] = Array.isArray(offsets) ? (offsets as unknown[]) : [];
  if (!isCount(begin) || !isCount(end) || end < begin) {
    const expected = "[begin, end] with begin ≤ end";
    issues.push({ where: `${where}.data_offsets`, file, expected, given: JSON.stringify(offsets) });
    return undefined;
  }
  const sizeBytes = shapeSize(shape) * plainDtypes[dtype].blockBytes;
  if (sizeBytes !== end - begin) {
    const expected = `${sizeBytes} bytes for ${dtype} [${shape.join(", ")}]`;
    issues.push({ where: `${where}.data_offsets`, file, expected, given: `${end - begin}` });
    return undefined;
  }
  return { name, dtype, shape, begin, end };
}

/** Returns what is wrong with the order of tensors in the data: overlaps, gaps, too short, too long. */
function layoutIssues(entries: readonly HeaderEntry[], dataBytes: number, file: string): Issue[] {
  const issues: Issue[] = [];
  let end = 0;
  for (const entry of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (entry.begin !== end) {
      const kind = entry.begin < end ? "overlaps the tensor before it" : "leaves a gap before it";
      const where = `tensor ${entry.name}.data_offsets`;
      issues.push({ where, file, expected: `begin ${end}`, given: `${entry.begin}`, hint: kind });
    }
    end = Math.max(end, entry.end);
  }
  if (end !== dataBytes) {
    const hint =
      end > dataBytes ? "the file is truncated, fetch it again" : "bytes follow the data";
    issues.push({ where: "data", file, expected: `${end} bytes`, given: `${dataBytes}`, hint });
  }
  return issues;
}

/** Returns the header's bytes, length prefix included, padded with spaces so that the data starts at a multiple of 8. */
export function printHeader(header: SafetensorsHeader): Uint8Array {
  const json: Record<string, unknown> = {};
  if (Object.keys(header.metadata).length > 0) json["__metadata__"] = header.metadata;
  for (const { name, dtype, shape, begin, end } of header.entries) {
    json[name] = { dtype, shape, data_offsets: [begin, end] };
  }
  const text = new TextEncoder().encode(JSON.stringify(json));
  const padded = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + padded).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(text, 8);
  return bytes;
}
