import { bfloat16ToFloat32, halfToFloat32 } from "./half.ts";

/** One element type: how many elements share a block of how many bytes, and what it is as float32. */
export interface DtypeRow {
  /** Elements per block; the last dimension of a tensor is a whole number of blocks. */
  readonly blockSize: number;
  readonly blockBytes: number;
  /** Decodes whole blocks. Shapes: bytes [blocks * blockBytes], 8-byte aligned; result [blocks * blockSize]. */
  readonly toFloat32: (bytes: Uint8Array) => Float32Array;
}

/** Views bytes as another typed array; `bytes` starts at a multiple of 8, so every view is aligned. */
function words<T>(
  bytes: Uint8Array,
  view: new (buffer: ArrayBufferLike, offset: number, length: number) => T,
  width: number,
): T {
  return new view(bytes.buffer, bytes.byteOffset, bytes.byteLength / width);
}

const plain = (blockBytes: number, toFloat32: DtypeRow["toFloat32"]): DtypeRow => ({
  blockSize: 1,
  blockBytes,
  toFloat32,
});

/** Every plain element type of safetensors, ONNX and GGUF files once. Block-quantised types stand in gguf/quant-table.ts. */
export const plainDtypes = {
  F64: plain(8, (bytes) => Float32Array.from(words(bytes, Float64Array, 8))),
  F32: plain(4, (bytes) => words(bytes, Float32Array, 4)),
  F16: plain(2, (bytes) => halfToFloat32(words(bytes, Uint16Array, 2))),
  BF16: plain(2, (bytes) => bfloat16ToFloat32(words(bytes, Uint16Array, 2))),
  I64: plain(8, (bytes) => Float32Array.from(words(bytes, BigInt64Array, 8), Number)),
  I32: plain(4, (bytes) => Float32Array.from(words(bytes, Int32Array, 4))),
  I16: plain(2, (bytes) => Float32Array.from(words(bytes, Int16Array, 2))),
  I8: plain(1, (bytes) => Float32Array.from(words(bytes, Int8Array, 1))),
  U8: plain(1, (bytes) => Float32Array.from(bytes)),
  BOOL: plain(1, (bytes) => Float32Array.from(bytes)),
} as const satisfies Record<string, DtypeRow>;

/** Name of a plain element type. */
export type PlainDtype = keyof typeof plainDtypes;

/** Tells whether a string names a plain element type. */
export function isPlainDtype(name: string): name is PlainDtype {
  return Object.hasOwn(plainDtypes, name);
}
