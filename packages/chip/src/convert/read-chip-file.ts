import { QtuneError } from "@qtune/base";
import { parseJsonText } from "@qtune/circuit";
import { braketFormat } from "./braket.ts";
import { chipCalibrationFormat } from "./chip-calibration.ts";
import { googleFormat } from "./google.ts";
import { ibmFormat } from "./ibm.ts";
import { type ChipFormat, type ImportedChip, buildImportedChip } from "./imported-chip.ts";
import { createReadLog, isObject } from "./json-reader.ts";
import { originCloudFormat } from "./origin-cloud.ts";
import { pilotOsFormat } from "./pilot-os.ts";

/** The formats of chip files, in the order in which they are tried. */
export const chipFormats: readonly ChipFormat[] = [
  chipCalibrationFormat,
  originCloudFormat,
  pilotOsFormat,
  braketFormat,
  googleFormat,
  ibmFormat,
];

/** Options of {@link readChipFile}. */
export interface ReadChipOptions {
  /** For messages. */
  readonly fileName: string;
  /** Name of a format of {@link chipFormats}; default: found out. */
  readonly format?: string;
}

/**
 * Reads a chip from the text of a file in any known format.
 *
 * Effect: pure; opens nothing.
 * Errors: invalid_argument with every problem: no JSON (line and column), an unknown format, values
 *         that are missing or impossible (T2 over 2 T1, a fidelity over 1, an edge to a dead
 *         qubit).
 *
 * @example
 * const { chip, warnings } = readChipFile(text, { fileName: "cloud_chip_config.json" });
 */
export function readChipFile(text: string, options: ReadChipOptions): ImportedChip {
  const { fileName } = options;
  const root = parseJsonText(text, { where: "calibration", fileName });
  const names = chipFormats.map(({ name }) => name).join(", ");
  const format = !isObject(root)
    ? undefined
    : options.format === undefined
      ? chipFormats.find((candidate) => candidate.detect(root))
      : chipFormats.find(({ name }) => name === options.format);
  if (format === undefined || !isObject(root)) {
    const keys = isObject(root) ? Object.keys(root).slice(0, 6).join(", ") : typeof root;
    throw QtuneError.fromIssues([
      {
        where: "calibration",
        expected: `a chip file (${names})`,
        given:
          options.format === undefined
            ? `a document with ${keys || "nothing in it"}`
            : options.format,
        file: fileName,
      },
    ]);
  }
  const log = createReadLog();
  return buildImportedChip(format.read(root, log), log, { format: format.name, fileName });
}
