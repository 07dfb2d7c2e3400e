/** Circuits as text at the service's border: only built-in gate sets, bounded size, no file is ever opened. */
import { QtuneError } from "@qtune/base";
import { type Circuit, parseOriginir, parseQasm2, printOriginir } from "@qtune/circuit";
import { circuitV1 } from "@qtune/contracts";

const maxTextBytes = 1024 * 1024;
const maxOperations = 1_000_000;

/** Parses a circuit text. Errors: invalid_argument with line and column; out_of_range above 1 MiB. */
export function parseCircuitText({ format, text }: circuitV1.CircuitText): Circuit {
  if (Buffer.byteLength(text) > maxTextBytes) {
    throw new QtuneError(
      "out_of_range",
      `expected at most ${maxTextBytes} bytes of text but was given ${Buffer.byteLength(text)}`,
      { where: "text" },
    );
  }
  const {
    TEXT_FORMAT_UNSPECIFIED,
    TEXT_FORMAT_OPENQASM2,
    TEXT_FORMAT_ORIGINIR,
    TEXT_FORMAT_ORIGINIR2,
  } = circuitV1.TextFormat;
  switch (format === TEXT_FORMAT_UNSPECIFIED ? detectFormat(text) : format) {
    case TEXT_FORMAT_OPENQASM2:
      return parseQasm2(text, { maxOperations });
    case TEXT_FORMAT_ORIGINIR:
    case TEXT_FORMAT_ORIGINIR2:
      return parseOriginir(text, { maxOperations });
    default:
      throw QtuneError.fromIssues([
        {
          where: "text.format",
          expected: "OPENQASM2, ORIGINIR or ORIGINIR2",
          given: String(format),
        },
      ]);
  }
}

function detectFormat(text: string): circuitV1.TextFormat {
  const isQasm = /^\s*(\/\/.*\s*)*OPENQASM/.test(text);
  return isQasm
    ? circuitV1.TextFormat.TEXT_FORMAT_OPENQASM2
    : circuitV1.TextFormat.TEXT_FORMAT_ORIGINIR;
}

/** Prints a native circuit for people. */
export function printNativeCircuit(circuit: Circuit): string {
  return printOriginir(circuit);
}
