import { existsSync } from "node:fs";
import { type ChipModel, type ChipOptions, createChip, readChipFile } from "@qtune/chip";
import type { Output } from "./output.ts";
import { readInput } from "./input.ts";

/**
 * Returns the chip that a user named: a preset, or any file that `qtune chip import` reads.
 *
 * Errors: not_found with the closest preset; invalid_argument with every problem of the file.
 */
export async function openChip(
  nameOrFile: string,
  output: Output,
  options: ChipOptions = {},
): Promise<ChipModel> {
  const looksLikeFile =
    nameOrFile === "-" ||
    nameOrFile.endsWith(".json") ||
    /[\\/]/.test(nameOrFile) ||
    existsSync(nameOrFile);
  if (!looksLikeFile) return createChip(nameOrFile, options);
  const { name, text } = await readInput(nameOrFile);
  const { chip, warnings } = readChipFile(text, { fileName: name });
  for (const warning of warnings)
    output.note(`${name}: ${warning.where}: ${warning.hint ?? warning.given ?? ""}`);
  return chip;
}
