import { readFileSync } from "node:fs";
import path from "node:path";
import { QtuneError } from "@qtune/base";
import { type Circuit, type CircuitFormat, readCircuit } from "@qtune/circuit";
import { readInputBytes } from "./input.ts";

/** Options of every command that reads a circuit. */
export interface ReadOptions {
  readonly from?: CircuitFormat;
  readonly strict?: boolean;
}

/**
 * Reads a circuit file, whatever its format. Includes that are not built in are files in its folder or below.
 *
 * Errors: every problem of the text, with place and excerpt.
 */
export async function openCircuit(
  file: string,
  options: ReadOptions,
): Promise<{ readonly circuit: Circuit; readonly format: CircuitFormat; readonly name: string }> {
  const { name, bytes } = await readInputBytes(file);
  const { circuit, format, issues } = readCircuit(bytes, {
    fileName: name,
    resolveInclude: includesBeside(file),
    ...(options.from === undefined ? {} : { format: options.from }),
    ...(options.strict === true ? { strict: true } : {}),
  });
  if (circuit === undefined) throw QtuneError.fromIssues(issues);
  return { circuit, format, name };
}

/** Finds includes in the folder of a file and below; standard input has none. */
function includesBeside(file: string): (include: string) => string | undefined {
  const folder = path.dirname(path.resolve(file));
  return (include) => {
    const place = path.resolve(folder, include);
    if (file === "-" || !place.startsWith(folder + path.sep)) return undefined;
    try {
      return readFileSync(place, "utf8");
    } catch {
      return undefined; // the reader says which include is missing, and where
    }
  };
}
