/**
 * Element types of GGUF files: layout of a block and its value in float32. Layouts are those of ggml; every decoder gives
 * bit for bit what the Python package gguf gives (golden files made by tools/golden/gguf_golden.py). Products are rounded
 * to float32 where that package rounds them.
 */
import { type DtypeRow, plainDtypes } from "../dtype-table.ts";
import { fromHalf } from "../half.ts";
import { iq2xxsGrid } from "./iq2xxs-grid.ts";

/** A GGUF type: a block layout and the number that files name it by. */
export interface GgufTypeRow extends DtypeRow {
  /** Number of the type in tensor headers (ggml_type). */
  readonly id: number;
}

/** Decodes one block: reads `bytes` from `at`, writes `out` from `to`. */
type DecodeBlock = (bytes: Uint8Array, at: number, out: Float32Array, to: number) => void;

function row(id: number, blockSize: number, blockBytes: number, decode: DecodeBlock): GgufTypeRow {
  const toFloat32 = (bytes: Uint8Array): Float32Array => {
    const blocks = bytes.length / blockBytes;
    const out = new Float32Array(blocks * blockSize);
    for (let i = 0; i < blocks; i++) decode(bytes, i * blockBytes, out, i * blockSize);
    return out;
  };
  return { id, blockSize, blockBytes, toFloat32 };
}

// Indices below stay inside a block, whose size the caller has checked; `!` says so to the compiler.

const half = (bytes: Uint8Array, at: number): number =>
  fromHalf(bytes[at]! | (bytes[at + 1]! << 8));
const signed = (byte: number): number => (byte << 24) >> 24;

/** 32 values: half d, 16 bytes of two nibbles; value = d · (q - 8). */
const decodeQ4_0: DecodeBlock = (bytes, at, out, to) => {
  const d = half(bytes, at);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 2 + i]!;
    out[to + i] = d * ((pair & 15) - 8);
    out[to + 16 + i] = d * ((pair >> 4) - 8);
  }
};

/** 32 values: half d, half m, nibbles; value = d · q + m. */
const decodeQ4_1: DecodeBlock = (bytes, at, out, to) => {
  const d = half(bytes, at);
  const m = half(bytes, at + 2);
  for (let i = 0; i < 16; i++) {
    const pair = bytes[at + 4 + i]!;
    out[to + i] = Math.fround(d * (pair & 15)) + m;
    out[to + 16 + i] = Math.fround(d * (pair >> 4)) + m;
  }
};

/** 32 values: half d, 32 high bits, nibbles; value = d · (q - 16). */
const decodeQ5_0: DecodeBlock = (bytes, at, out, to) => {
  const d = half(bytes, at);
  for (let i = 0; i < 32; i++) out[to + i] = d * (fiveBits(bytes, at + 2, i) - 16);
};

/** 32 values: half d, half m, 32 high bits, nibbles; value = d · q + m. */
const decodeQ5_1: DecodeBlock = (bytes, at, out, to) => {
  const d = half(bytes, at);
  const m = half(bytes, at + 2);
  for (let i = 0; i < 32; i++) out[to + i] = Math.fround(d * fiveBits(bytes, at + 4, i)) + m;
};

/** Joins value i of four bytes of high bits followed by 16 bytes of nibbles. */
function fiveBits(bytes: Uint8Array, at: number, i: number): number {
  const pair = bytes[at + 4 + (i & 15)]!;
  const low = i < 16 ? pair & 15 : pair >> 4;
  return low | (((bytes[at + (i >> 3)]! >> (i & 7)) & 1) << 4);
}

/** 32 values: half d, 32 signed bytes; value = d · q. */
const decodeQ8_0: DecodeBlock = (bytes, at, out, to) => {
  const d = half(bytes, at);
  for (let i = 0; i < 32; i++) out[to + i] = d * signed(bytes[at + 2 + i]!);
};

/** 256 values in 16 groups: 16 scale bytes (nibbles: scale, minimum), 64 bytes of 2 bits, half d, half dmin. */
const decodeQ2_K: DecodeBlock = (bytes, at, out, to) => {
  const d = half(bytes, at + 80);
  const dmin = half(bytes, at + 82);
  for (let group = 0; group < 16; group++) {
    const scale = bytes[at + group]!;
    const dl = Math.fround(d * (scale & 15));
    const ml = Math.fround(dmin * (scale >> 4));
    const shift = 2 * ((group >> 1) & 3);
    const from = at + 16 + 32 * (group >> 3) + 16 * (group & 1);
    for (let i = 0; i < 16; i++) {
      const q = (bytes[from + i]! >> shift) & 3;
      out[to + 16 * group + i] = Math.fround(dl * q) - ml;
    }
  }
};

/** 256 values in 16 groups: 32 bytes of third bits, 64 bytes of 2 bits, 12 bytes of 6-bit scales, half d. */
const decodeQ3_K: DecodeBlock = (bytes, at, out, to) => {
  const d = half(bytes, at + 108);
  const scales = at + 96;
  for (let group = 0; group < 16; group++) {
    const low = (bytes[scales + (group & 7)]! >> (group < 8 ? 0 : 4)) & 15;
    const high = (bytes[scales + 8 + (group & 3)]! >> (2 * (group >> 2))) & 3;
    const dl = Math.fround(d * ((low | (high << 4)) - 32));
    const shift = 2 * ((group >> 1) & 3);
    const from = at + 32 + 32 * (group >> 3) + 16 * (group & 1);
    const mask = at + 16 * (group & 1);
    for (let i = 0; i < 16; i++) {
      // A set bit means that nothing is subtracted.
      const offset = (bytes[mask + i]! >> (group >> 1)) & 1 ? 0 : 4;
      out[to + 16 * group + i] = dl * (((bytes[from + i]! >> shift) & 3) - offset);
    }
  }
};

/** 6-bit scale of group 0 … 7 out of the 12 bytes that Q4_K and Q5_K share. */
const scaleOf = (bytes: Uint8Array, at: number, group: number): number =>
  group < 4
    ? bytes[at + group]! & 63
    : (bytes[at + 4 + group]! & 15) | ((bytes[at + group - 4]! >> 2) & 0x30);

/** 6-bit minimum of group 0 … 7 out of the same bytes. */
const minimumOf = (bytes: Uint8Array, at: number, group: number): number =>
  group < 4
    ? bytes[at + 4 + group]! & 63
    : (bytes[at + 4 + group]! >> 4) | ((bytes[at + group]! >> 2) & 0x30);

/** 256 values in 8 groups: half d, half dmin, 12 bytes of scales and minima, 128 bytes of nibbles. */
const decodeQ4_K: DecodeBlock = (bytes, at, out, to) => {
  const d = half(bytes, at);
  const dmin = half(bytes, at + 2);
  for (let group = 0; group < 8; group++) {
    const dl = Math.fround(d * scaleOf(bytes, at + 4, group));
    const ml = Math.fround(dmin * minimumOf(bytes, at + 4, group));
    const from = at + 16 + 32 * (group >> 1);
    const shift = 4 * (group & 1);
    for (let i = 0; i < 32; i++) {
      const q = (bytes[from + i]! >> shift) & 15;
      out[to + 32 * group + i] = Math.fround(dl * q) - ml;
    }
  }
};

/** As Q4_K, with 32 bytes of fifth bits before the nibbles. */
const decodeQ5_K: DecodeBlock = (bytes, at, out, to) => {
  const d = half(bytes, at);
  const dmin = half(bytes, at + 2);
  for (let group = 0; group < 8; group++) {
    const dl = Math.fround(d * scaleOf(bytes, at + 4, group));
    const ml = Math.fround(dmin * minimumOf(bytes, at + 4, group));
    const from = at + 48 + 32 * (group >> 1);
    const shift = 4 * (group & 1);
    for (let i = 0; i < 32; i++) {
      const high = (bytes[at + 16 + i]! >> group) & 1;
      const q = ((bytes[from + i]! >> shift) & 15) | (high << 4);
      out[to + 32 * group + i] = Math.fround(dl * q) - ml;
    }
  }
};

/** 256 values in 16 groups: 128 bytes of nibbles, 64 bytes of high pairs, 16 signed scales, half d. */
const decodeQ6_K: DecodeBlock = (bytes, at, out, to) => {
  const d = half(bytes, at + 208);
  for (let group = 0; group < 16; group++) {
    const dl = Math.fround(d * signed(bytes[at + 192 + group]!));
    for (let i = 0; i < 16; i++) {
      const value = 16 * group + i;
      const inHalf = value & 127;
      const low = (bytes[at + 64 * (value >> 7) + (inHalf & 63)]! >> (inHalf < 64 ? 0 : 4)) & 15;
      const high =
        (bytes[at + 128 + 32 * (value >> 7) + (inHalf & 31)]! >> (2 * (inHalf >> 5))) & 3;
      out[to + value] = dl * ((low | (high << 4)) - 32);
    }
  }
};

/** Eight signs for each of the 128 sign codes: seven bits as they are, the eighth makes their number even. */
const signTable: Float32Array = Float32Array.from({ length: 1024 }, (_, i) => {
  const seven = i >> 3;
  const folded = seven ^ (seven >> 4);
  const parity = (0x6996 >> (folded & 15)) & 1; // bit k of 0x6996: whether k has an odd number of ones
  return ((seven | (parity << 7)) >> (i & 7)) & 1 ? -1 : 1;
});

/** 256 values in 8 groups: half d, then per group 4 code numbers and 4 · 7 bits of signs with 4 bits of scale. */
const decodeIq2Xxs: DecodeBlock = (bytes, at, out, to) => {
  const d = half(bytes, at);
  for (let group = 0; group < 8; group++) {
    const from = at + 2 + 8 * group;
    const low = bytes[from + 4]! | (bytes[from + 5]! << 8);
    const word = low | (bytes[from + 6]! << 16) | (bytes[from + 7]! << 24);
    const db = Math.fround(Math.fround(d * (0.5 + (word >>> 28))) * 0.25);
    for (let part = 0; part < 4; part++) {
      const signs = 8 * ((word >>> (7 * part)) & 127);
      const code = 8 * bytes[from + part]!;
      const start = to + 32 * group + 8 * part;
      for (let i = 0; i < 8; i++)
        out[start + i] = db * iq2xxsGrid[code + i]! * signTable[signs + i]!;
    }
  }
};

/** Every GGUF type that can be read, once. */
export const ggufTypes = {
  F32: { id: 0, ...plainDtypes.F32 },
  F16: { id: 1, ...plainDtypes.F16 },
  Q4_0: row(2, 32, 18, decodeQ4_0),
  Q4_1: row(3, 32, 20, decodeQ4_1),
  Q5_0: row(6, 32, 22, decodeQ5_0),
  Q5_1: row(7, 32, 24, decodeQ5_1),
  Q8_0: row(8, 32, 34, decodeQ8_0),
  Q2_K: row(10, 256, 84, decodeQ2_K),
  Q3_K: row(11, 256, 110, decodeQ3_K),
  Q4_K: row(12, 256, 144, decodeQ4_K),
  Q5_K: row(13, 256, 176, decodeQ5_K),
  Q6_K: row(14, 256, 210, decodeQ6_K),
  IQ2_XXS: row(16, 256, 66, decodeIq2Xxs),
  BF16: { id: 30, ...plainDtypes.BF16 },
} as const satisfies Record<string, GgufTypeRow>;

/** Name of a GGUF type. */
export type GgufType = keyof typeof ggufTypes;

/** Returns the type with a number, or nothing. */
export function ggufTypeOf(id: number): GgufType | undefined {
  const found = Object.entries(ggufTypes).find(([, type]) => type.id === id);
  return found?.[0] as GgufType | undefined; // keys of the table are the names
}
