/**
 * Writes the weights of a program into one external data file that onnxruntime maps, a piece at a time.
 */
import { open, type FileHandle } from "node:fs/promises";
import { shapeSize, throwIfAborted } from "@qtune/base";
import type { Precision, WeightPlace } from "./emit.ts";
import type { Tensor, WeightSource } from "./tensor.ts";

/** Elements that are read and written at once: 16 MiB of float32. */
const pieceElements = 4 * 1024 * 1024;
/** Tensors start on pages, as memory maps want. */
const alignment = 4096;

/** A weight to write. */
export interface WeightToWrite {
  readonly tensor: Tensor;
  readonly source: WeightSource;
}

/**
 * Writes weights to `path` and returns where each of them lies.
 *
 * Effect: async, cancellable; holds at most one piece in memory.
 */
export async function writeWeightFile(
  path: string,
  location: string,
  weights: readonly WeightToWrite[],
  precision: Precision,
  signal?: AbortSignal,
): Promise<ReadonlyMap<Tensor, WeightPlace>> {
  const places = new Map<Tensor, WeightPlace>();
  const written = new Map<WeightSource, WeightPlace>();
  const file = await open(path, "w");
  try {
    let offset = 0;
    for (const { tensor, source } of weights) {
      const known = written.get(source);
      const sizeBytes = shapeSize(source.shape) * (precision === "float64" ? 8 : 4);
      const place = known ?? { location, offset, sizeBytes };
      places.set(tensor, place);
      if (known !== undefined) continue;
      await writeWeight(file, offset, source, precision, signal);
      written.set(source, place);
      offset = Math.ceil((offset + sizeBytes) / alignment) * alignment;
    }
  } finally {
    await file.close();
  }
  return places;
}

async function writeWeight(
  file: FileHandle,
  offset: number,
  source: WeightSource,
  precision: Precision,
  signal: AbortSignal | undefined,
): Promise<void> {
  const size = shapeSize(source.shape);
  for (let start = 0; start < size; start += pieceElements) {
    throwIfAborted(signal);
    const end = Math.min(size, start + pieceElements);
    const whole = start === 0 && end === size;
    const values = await source.readFloat32({
      signal,
      ...(whole ? {} : { elements: { start, end } }),
    });
    const data = precision === "float64" ? Float64Array.from(values) : values;
    await writeAll(
      file,
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      offset + start * data.BYTES_PER_ELEMENT,
    );
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
