/**
 * The frozen weights of one or more programs in a folder that onnxruntime maps: each tensor once, however many programs use
 * it. What lies in a file as it is needed is linked, not copied.
 */
import { link, mkdir, mkdtemp, open, rm, type FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { QtuneError, internalError, shapeSize, throwIfAborted, type Abortable } from "@qtune/base";
import type { Precision, WeightPlace } from "./emit.ts";
import { quantiseMatrix, type CodeOrder, type QuantisedFormat } from "./quantise.ts";
import type { WeightSource } from "./tensor.ts";

/** Elements that are read and written at once: 16 MiB of float32. */
const pieceElements = 4 * 1024 * 1024;
/** Tensors start on pages, as memory maps want. */
const alignment = 4096;
const fileName = "weights.bin";

/** How the values of a tensor are written: `float16-as-float64` rounds them as `float16` does, for checks. */
export type WeightEncoding = Precision | "float16" | "float16-as-float64";

/** Type of the file's values that are right as they are. */
const linkableDtypes: Readonly<Partial<Record<WeightEncoding, string>>> = {
  float32: "F32",
  float16: "F16",
};

function encode(
  values: Float32Array,
  encoding: WeightEncoding,
): Float32Array | Float64Array | Float16Array {
  switch (encoding) {
    case "float32":
      return values;
    case "float64":
      return Float64Array.from(values);
    case "float16":
      return Float16Array.from(values);
    case "float16-as-float64":
      return Float64Array.from(Float16Array.from(values));
  }
}

/** Options of a weight store. */
export interface WeightStoreOptions {
  /** Folder for weights and models; it stays. Default: a fresh temporary folder, removed on close. */
  readonly directory?: string | undefined;
}

/**
 * Holds frozen weights for programs compiled with it.
 *
 * Effect: programs of one store share the mapped file, so a model's weights are in memory once. Close the programs first.
 */
export interface WeightStore {
  readonly directory: string;
  /** Bytes written so far; linked files are not counted. */
  readonly writtenBytes: number;
  /** Returns where a tensor lies, written if it is not there yet. One call at a time. */
  place(source: WeightSource, encoding: WeightEncoding, options?: Abortable): Promise<WeightPlace>;
  /** Returns where a quantised matrix and its scales lie, quantised and written if they are not there yet. */
  placeQuantised(
    source: WeightSource,
    format: QuantisedFormat,
    options?: { readonly order?: CodeOrder | undefined } & Abortable,
  ): Promise<{ readonly packed: WeightPlace; readonly scales: WeightPlace }>;
  /** Returns a name for a model file that no other program of the store uses. */
  nameModel(label: string): string;
  close(): Promise<void>;
}

/** Opens an empty store. */
export async function openWeightStore(options: WeightStoreOptions = {}): Promise<WeightStore> {
  const directory = options.directory ?? (await mkdtemp(path.join(tmpdir(), "qtune-graph-")));
  await mkdir(directory, { recursive: true });
  return new FolderStore(directory, options.directory === undefined);
}

interface QuantisedPlaces {
  readonly packed: WeightPlace;
  readonly scales: WeightPlace;
}

class FolderStore implements WeightStore {
  readonly directory: string;
  readonly #isTemporary: boolean;
  readonly #places = new Map<WeightSource, Map<WeightEncoding, WeightPlace>>();
  readonly #quantised = new Map<WeightSource, Map<string, QuantisedPlaces>>();
  readonly #links = new Map<string, string | undefined>();
  #file: FileHandle | undefined;
  #models = 0;
  #end = 0;
  #isClosed = false;

  constructor(directory: string, isTemporary: boolean) {
    this.directory = directory;
    this.#isTemporary = isTemporary;
  }

  get writtenBytes(): number {
    return this.#end;
  }

  nameModel(label: string): string {
    return `${label}-${this.#models++}.onnx`;
  }

  async place(
    source: WeightSource,
    encoding: WeightEncoding,
    options: Abortable = {},
  ): Promise<WeightPlace> {
    if (this.#isClosed)
      throw new QtuneError("failed_precondition", "the store is closed", { where: "weightStore" });
    const known = this.#places.get(source) ?? new Map<WeightEncoding, WeightPlace>();
    this.#places.set(source, known);
    const place =
      known.get(encoding) ??
      (await this.#link(source, encoding)) ??
      (await this.#write(source, encoding, options));
    known.set(encoding, place);
    return place;
  }

  async placeQuantised(
    source: WeightSource,
    format: QuantisedFormat,
    { order = "rows", signal }: { readonly order?: CodeOrder | undefined } & Abortable = {},
  ): Promise<QuantisedPlaces> {
    const known = this.#quantised.get(source) ?? new Map<string, QuantisedPlaces>();
    this.#quantised.set(source, known);
    const key = JSON.stringify([format, order]);
    const placed = known.get(key);
    if (placed !== undefined) return placed;
    const { packed, scales } = await quantiseMatrix(source, format, { order, signal });
    const places = {
      packed: await this.#append(packed),
      scales: await this.#append(new Uint8Array(scales.buffer)),
    };
    known.set(key, places);
    return places;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#file?.close();
    if (this.#isTemporary) await rm(this.directory, { recursive: true, force: true });
  }

  /** Uses the bytes where they are, through a hard link, as onnxruntime reads no file outside the model's folder. */
  async #link(
    { dtype, range }: WeightSource,
    encoding: WeightEncoding,
  ): Promise<WeightPlace | undefined> {
    if (range === undefined || dtype !== linkableDtypes[encoding]) return undefined;
    if (!this.#links.has(range.path)) {
      const name = `linked-${this.#links.size}.bin`;
      // Another file system, or one without links: the tensor is copied instead.
      const isLinked = await link(range.path, path.join(this.directory, name)).then(
        () => true,
        () => false,
      );
      this.#links.set(range.path, isLinked ? name : undefined);
    }
    const location = this.#links.get(range.path);
    return location === undefined
      ? undefined
      : { location, offset: range.offset, sizeBytes: range.sizeBytes };
  }

  async #append(bytes: Uint8Array): Promise<WeightPlace> {
    this.#file ??= await open(path.join(this.directory, fileName), "w");
    const offset = Math.ceil(this.#end / alignment) * alignment;
    await writeAll(this.#file, bytes, offset);
    this.#end = offset + bytes.length;
    return { location: fileName, offset, sizeBytes: bytes.length };
  }

  async #write(
    source: WeightSource,
    encoding: WeightEncoding,
    { signal }: Abortable,
  ): Promise<WeightPlace> {
    this.#file ??= await open(path.join(this.directory, fileName), "w");
    const offset = Math.ceil(this.#end / alignment) * alignment;
    const size = shapeSize(source.shape);
    let at = offset;
    for (let start = 0; start < size; start += pieceElements) {
      throwIfAborted(signal);
      const end = Math.min(size, start + pieceElements);
      const isWhole = start === 0 && end === size;
      const values = await source.readFloat32({
        signal,
        ...(isWhole ? {} : { elements: { start, end } }),
      });
      if (values.length !== end - start)
        throw internalError(`a weight source gave ${values.length} of ${end - start} values`);
      const data = encode(values, encoding);
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      await writeAll(this.#file, bytes, at);
      at += bytes.length;
    }
    this.#end = at;
    return { location: fileName, offset, sizeBytes: at - offset };
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
