/** One door for every text form of circuits. */
import { type Issue, QtuneError } from "@qtune/base";
import type { Circuit } from "./circuit.ts";
import { parseCircuitJson, printCircuitJson } from "./json.ts";
import { detectOriginirDialect, parseOriginir } from "./originir/parse.ts";
import { printOriginir } from "./originir/print.ts";
import { parseQasm2 } from "./qasm2/parse.ts";
import { printQasm2 } from "./qasm2/print.ts";
import { parseQasm3 } from "./qasm3/lower.ts";
import { printQasm3 } from "./qasm3/print.ts";
import { createSource, locate } from "./text/source.ts";

/** A text form. `originir` is OriginIR as QPanda3 writes it, `originir2` as QPanda2 does. */
export type CircuitFormat = "qasm2" | "qasm3" | "originir" | "originir2" | "json";

/** All text forms. */
export const circuitFormats: readonly CircuitFormat[] = [
  "qasm2",
  "qasm3",
  "originir",
  "originir2",
  "json",
];

/** How {@link readCircuit} reads. */
export interface ReadCircuitOptions {
  /** Default: found out from the text. */
  readonly format?: CircuitFormat | undefined;
  /** Name for messages. */
  readonly fileName?: string | undefined;
  /** OpenQASM 2 by the letter and with the 2017 gates only. Default false. */
  readonly strict?: boolean | undefined;
  /** Returns the text of an include that is not built in, or nothing. Default: no other includes. */
  readonly resolveInclude?: ((path: string) => string | undefined) | undefined;
  /** Values for `input` variables of OpenQASM 3 that decide about the circuit's shape. */
  readonly inputs?: Readonly<Record<string, number>> | undefined;
  /** Longer programs, and those that execute more statements while they are lowered, are refused. Default 10,000,000. */
  readonly maxOperations?: number | undefined;
  /** Texts of more characters (or bytes) are refused. Default 200,000,000. */
  readonly maxSize?: number | undefined;
}

/** What {@link readCircuit} found: a circuit, or the issues that tell why there is none. */
export type ReadCircuitResult =
  | { readonly circuit: Circuit; readonly format: CircuitFormat; readonly issues: readonly [] }
  | {
      readonly circuit: undefined;
      readonly format: CircuitFormat;
      readonly issues: readonly Issue[];
    };

/**
 * Reads a circuit in any text form. Bytes may be UTF-8, or UTF-16 with a byte order mark.
 *
 * Effect: pure, but for calls of `resolveInclude`. Problems of the text are returned, not thrown.
 * Cost:   linear in the text.
 * Errors: resource_exhausted beyond `maxOperations`.
 *
 * @example
 * const { circuit, issues } = readCircuit(text, { fileName: "bell.qasm" });
 */
export function readCircuit(
  text: string | Uint8Array,
  options: ReadCircuitOptions = {},
): ReadCircuitResult {
  const { maxSize = 200_000_000, fileName } = options;
  const file = fileName === undefined ? {} : { file: fileName };
  if (text.length > maxSize) {
    const issue = {
      where: "circuit",
      expected: `at most ${maxSize} characters`,
      given: String(text.length),
      ...file,
    };
    return { circuit: undefined, format: options.format ?? "qasm2", issues: [issue] };
  }
  const source = typeof text === "string" ? text : decodeText(text);
  const format = options.format ?? detectFormat(source);
  const nul = source.indexOf("\0");
  if (nul !== -1) {
    const issue = {
      where: "circuit",
      expected: "text",
      given: "a NUL character",
      hint: "is this UTF-16 without a byte order mark, or a binary file?",
      ...file,
      ...locate(createSource(source, fileName), nul),
    };
    return { circuit: undefined, format, issues: [issue] };
  }
  try {
    return { circuit: parseAs(format, source, options), format, issues: [] };
  } catch (error) {
    if (error instanceof QtuneError && error.code === "invalid_argument") {
      const issues =
        error.issues.length > 0
          ? error.issues
          : [{ where: error.where ?? "circuit", expected: error.message, ...file }];
      return { circuit: undefined, format, issues };
    }
    throw error;
  }
}

/** Decodes bytes as UTF-8, or as UTF-16 where a byte order mark says so. */
function decodeText(bytes: Uint8Array): string {
  const label =
    bytes[0] === 0xff && bytes[1] === 0xfe
      ? "utf-16le"
      : bytes[0] === 0xfe && bytes[1] === 0xff
        ? "utf-16be"
        : "utf-8";
  return new TextDecoder(label).decode(bytes);
}

function parseAs(format: CircuitFormat, text: string, options: ReadCircuitOptions): Circuit {
  const { fileName, strict, resolveInclude, inputs, maxOperations } = options;
  switch (format) {
    case "qasm2":
      return parseQasm2(text, { fileName, strict, resolveInclude, maxOperations });
    case "qasm3":
      return parseQasm3(text, { fileName, resolveInclude, inputs, maxOperations });
    case "originir":
    case "originir2":
      return parseOriginir(text, { fileName, maxOperations, dialect: format });
    case "json":
      return parseCircuitJson(text, { fileName });
    default:
      return format satisfies never;
  }
}

/**
 * Returns the form that a text is most likely written in, by its first statement.
 *
 * Cost: looks at the beginning; for OriginIR at the whole text once.
 */
export function detectFormat(text: string): CircuitFormat {
  const start = skipComments(text);
  const head = text.slice(start, start + 200);
  if (/^[{[]/.test(head)) return /^\{\s*"/.test(head) || head.startsWith("[") ? "json" : "qasm3";
  if (/^(QINIT|CREG)\b/.test(head)) return detectOriginirDialect(text);
  const version = /^OPENQASM\s+(\d+)/.exec(head)?.[1];
  if (version !== undefined) return version === "2" ? "qasm2" : "qasm3";
  // without a version line: what only OpenQASM 3 has, names like θ among it
  return /^[^/\n]*[^\u0000-\u007f\ufeff]|^[ \t]*(?:qubit|bit|input|output|const|let|def|defcal|cal|for|while|ctrl|int|uint|float|angle|bool|duration|stretch|array|box|extern|gphase|pragma|#pragma|switch)\b|\$\d/m.test(
    text,
  )
    ? "qasm3"
    : "qasm2";
}

/** Skips white space and the comments of all forms. */
function skipComments(text: string): number {
  const pattern = /(?:[\s\ufeff]+|\/\/[^\n]*|\/\*[\s\S]*?\*\/|[%#](?!pragma|dim)[^\n]*)*/y;
  pattern.exec(text);
  return pattern.lastIndex;
}

/**
 * Returns the circuit in a text form.
 *
 * Errors: invalid_argument naming the statement that the form cannot say; resource_exhausted when the text would be
 *         longer than the engine's longest string (about 500 million characters).
 */
export function printCircuit(circuit: Circuit, format: CircuitFormat): string {
  try {
    return printAs(circuit, format);
  } catch (error) {
    if (!(error instanceof RangeError) || !/string length/.test(error.message)) throw error;
    throw new QtuneError(
      "resource_exhausted",
      `the circuit as ${format} would be longer than the longest string`,
      { where: "circuit", cause: error },
    );
  }
}

function printAs(circuit: Circuit, format: CircuitFormat): string {
  switch (format) {
    case "qasm2":
      return printQasm2(circuit);
    case "qasm3":
      return printQasm3(circuit);
    case "originir":
    case "originir2":
      return printOriginir(circuit, { dialect: format });
    case "json":
      return printCircuitJson(circuit);
    default:
      return format satisfies never;
  }
}
