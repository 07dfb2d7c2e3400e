/** Circuits as text at the service's border: only built-in gate sets, bounded size, no file is ever opened. */
import { QtuneError } from "@qtune/base";
import { type Circuit, type CircuitFormat, printOriginir, readCircuit } from "@qtune/circuit";
import { circuitV1 } from "@qtune/contracts";

const maxTextBytes = 1024 * 1024;

const formats: ReadonlyMap<number, CircuitFormat> = new Map([
  [circuitV1.TextFormat.TEXT_FORMAT_OPENQASM2, "qasm2"],
  [circuitV1.TextFormat.TEXT_FORMAT_OPENQASM3, "qasm3"],
  [circuitV1.TextFormat.TEXT_FORMAT_ORIGINIR, "originir"],
  [circuitV1.TextFormat.TEXT_FORMAT_ORIGINIR2, "originir2"],
  [circuitV1.TextFormat.TEXT_FORMAT_JSON, "json"],
]);

/** Parses a circuit text. Errors: invalid_argument with line and column; out_of_range above 1 MiB. */
export function parseCircuitText({ format, text }: circuitV1.CircuitText): Circuit {
  if (Buffer.byteLength(text) > maxTextBytes) {
    throw new QtuneError(
      "out_of_range",
      `expected at most ${maxTextBytes} bytes of text but was given ${Buffer.byteLength(text)}`,
      { where: "text" },
    );
  }
  const named = formats.get(format);
  if (named === undefined && format !== circuitV1.TextFormat.TEXT_FORMAT_UNSPECIFIED) {
    throw QtuneError.fromIssues([
      { where: "text.format", expected: "a format of TextFormat", given: String(format) },
    ]);
  }
  // No resolver: an include that is not built in is an error, never a file.
  const { circuit, issues } = readCircuit(text, { format: named });
  if (circuit === undefined) throw QtuneError.fromIssues(issues);
  return circuit;
}

/** Prints a native circuit for people. */
export function printNativeCircuit(circuit: Circuit): string {
  return printOriginir(circuit);
}
