/** Opens GGUF files: metadata at once, tensors when asked. */
import { openRangeFile, tensorInFile } from "../file.ts";
import type { TensorSet, TensorSource } from "../tensor.ts";
import type { GgufValue } from "./gguf-value.ts";
import { readGgufHeader } from "./header.ts";
import { ggufTypes } from "./quant-table.ts";

/** A GGUF file: its tensors under the file's own names, and its metadata. */
export interface GgufFile extends TensorSet {
  readonly version: number;
  /** Metadata by key, e.g. `general.architecture`. */
  readonly values: ReadonlyMap<string, GgufValue>;
}

/**
 * Opens a GGUF file. Shapes are row-major, slowest dimension first: the reverse of what the file writes.
 *
 * Effect: the result holds an open file until `close()`.
 * Errors: not_found; data_loss for a damaged or hostile file; unimplemented for a version or type not known.
 *
 * @example
 * const gguf = await openGguf("model.Q4_K_M.gguf");
 * gguf.values.get("general.architecture"); // "llama"
 */
export async function openGguf(filePath: string): Promise<GgufFile> {
  const file = await openRangeFile(filePath);
  try {
    const header = await readGgufHeader(file);
    const tensors = new Map<string, TensorSource>();
    for (const stored of header.tensors) {
      tensors.set(stored.name, tensorInFile(file, stored, ggufTypes[stored.dtype]));
    }
    return {
      version: header.version,
      values: header.values,
      tensors,
      metadata: {},
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}
