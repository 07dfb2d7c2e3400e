import { QtuneError } from "@qtune/base";
import { type Circuit, type CircuitFormat, readCircuit } from "@qtune/circuit";
import { readInputBytes } from "./input.ts";

/** Options of every command that reads a circuit. */
export interface ReadOptions {
  readonly from?: CircuitFormat;
  readonly strict?: boolean;
}

/** Reads a circuit file, whatever its format. Errors: every problem of the text, with place and excerpt. */
export async function openCircuit(
  file: string,
  options: ReadOptions,
): Promise<{ readonly circuit: Circuit; readonly format: CircuitFormat; readonly name: string }> {
  const { name, bytes } = await readInputBytes(file);
  const { circuit, format, issues } = readCircuit(bytes, {
    fileName: name,
    ...(options.from === undefined ? {} : { format: options.from }),
    ...(options.strict === true ? { strict: true } : {}),
  });
  if (circuit === undefined) throw QtuneError.fromIssues(issues);
  return { circuit, format, name };
}
