import { readFileSync } from "node:fs";
import { type Issue, QtuneError, suggest } from "@qtune/base";
import { type ChipModel, createChip, listChips, readChipFile } from "@qtune/chip";

/** A chip and what its file leaves open. */
export interface LoadedChip {
  readonly chip: ChipModel;
  readonly warnings: readonly Issue[];
}

/**
 * Loads what the operator names: a preset, or a calibration file.
 *
 * Errors: invalid_argument when neither is there, or the file is no calibration.
 */
export function loadChip(nameOrFile: string, seed?: string): LoadedChip {
  const names = listChips().map(({ name }) => name);
  const looksLikeFile = /[/\\.]/.test(nameOrFile);
  if (!looksLikeFile) {
    return { chip: createChip(nameOrFile, seed === undefined ? {} : { seed }), warnings: [] };
  }
  let text: string;
  try {
    text = readFileSync(nameOrFile, "utf8");
  } catch (error) {
    const near = suggest(nameOrFile, names);
    const hint =
      near === undefined ? `presets are ${names.join(", ")}` : `did you mean the preset ${near}?`;
    throw new QtuneError("invalid_argument", `cannot read ${nameOrFile}; ${hint}`, {
      where: "--chip",
      cause: error,
    });
  }
  return readChipFile(text, { fileName: nameOrFile });
}
