/** Writes safetensors files: tensor by tensor, so that the file may be larger than memory. */
import { type Abortable, QtuneError, shapeSize, throwIfAborted } from "@qtune/base";
import { writeFileAtomically } from "../atomic-file.ts";
import { type PlainDtype, plainDtypes } from "../dtype-table.ts";
import { float32ToBfloat16, float32ToHalf } from "../half.ts";
import { type HeaderEntry, printHeader } from "./header.ts";

/** A tensor to be written; its bytes are asked for when its turn comes. */
export interface TensorToWrite {
  readonly name: string;
  readonly dtype: PlainDtype;
  readonly shape: readonly number[];
  /** Returns the little-endian bytes. */
  readonly read: () => Promise<Uint8Array> | Uint8Array;
}

/** Options of {@link writeSafetensors}. */
export interface WriteSafetensorsOptions extends Abortable {
  /** Text stored beside the tensors. Default: none but `format: "pt"`, which loaders look for. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes tensors to a safetensors file, atomically (temporary name, flush, rename).
 *
 * Effect: wide types come first and names are sorted, so that equal tensors give equal files and every tensor is aligned.
 * Cost:   memory of the largest tensor.
 * Errors: invalid_argument when a name comes twice or the bytes do not fill the shape.
 */
export async function writeSafetensors(
  filePath: string,
  tensors: readonly TensorToWrite[],
  options: WriteSafetensorsOptions = {},
): Promise<void> {
  const ordered = [...tensors].sort(
    (a, b) =>
      plainDtypes[b.dtype].blockBytes - plainDtypes[a.dtype].blockBytes ||
      (a.name < b.name ? -1 : 1),
  );
  const entries: HeaderEntry[] = [];
  const names = new Set<string>();
  let begin = 0;
  for (const { name, dtype, shape } of ordered) {
    if (names.has(name) || name === "__metadata__") {
      const problem = `expected each name once but was given ${name} again`;
      throw new QtuneError("invalid_argument", problem, { where: filePath });
    }
    names.add(name);
    const end = begin + shapeSize(shape) * plainDtypes[dtype].blockBytes;
    entries.push({ name, dtype, shape, begin, end });
    begin = end;
  }
  const metadata = { format: "pt", ...options.metadata };
  await writeFileAtomically(filePath, async (sink) => {
    await sink.write(printHeader({ entries, metadata }));
    for (const [index, tensor] of ordered.entries()) {
      throwIfAborted(options.signal);
      const bytes = await tensor.read();
      assertBytes(bytes, entries[index]!, filePath); // one entry per tensor, in the same order
      await sink.write(bytes);
    }
  });
}

function assertBytes(bytes: Uint8Array, entry: HeaderEntry, filePath: string): void {
  const expected = entry.end - entry.begin;
  if (bytes.byteLength !== expected) {
    throw new QtuneError(
      "invalid_argument",
      `expected ${expected} bytes for ${entry.dtype} [${entry.shape.join(", ")}] but was given ${bytes.byteLength}`,
      { where: `${filePath}: tensor ${entry.name}` },
    );
  }
}

/** Returns float32 values as the bytes of a float type, rounded to nearest even. Effect: F32 is a view, not a copy. */
export function float32ToBytes(values: Float32Array, dtype: "F32" | "F16" | "BF16"): Uint8Array {
  const stored =
    dtype === "F32" ? values : dtype === "F16" ? float32ToHalf(values) : float32ToBfloat16(values);
  return new Uint8Array(stored.buffer, stored.byteOffset, stored.byteLength);
}
