/**
 * Counter-based randomness: a stream is a pure function of its key, so results depend on neither threads, packing,
 * order nor batch size. Generator: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011). Streams are told apart by a 64-bit key that `fork` derives by hashing; nothing is shared.
 */

/** A stream of random numbers. Reading advances it; forking does not. */
export interface Random {
  /** Next integer in 0 … 2^32 − 1. */
  nextUint32(): number;
  /** Next double in [0, 1), 53 random bits. */
  nextUniform(): number;
  /** Next draw of the standard normal distribution (Box–Muller, both values used). */
  nextNormal(): number;
  /** Next integer in 0 … bound − 1, unbiased. Range: 1 ≤ bound ≤ 2^32. */
  nextBelow(bound: number): number;
  /** An independent stream named by `labels`; the same labels give the same stream, whatever was read before. */
  fork(...labels: readonly (string | number | bigint)[]): Random;
  /** Number of 32-bit words read so far: with the key, the whole state. */
  readonly position: bigint;
  /** The 64-bit key as 16 hexadecimal digits. */
  readonly key: string;
}

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** High 32 bits of the 64-bit product of two 32-bit integers. */
function mulHigh(a: number, b: number): number {
  const a0 = a & 0xffff;
  const a1 = a >>> 16;
  const b0 = b & 0xffff;
  const b1 = b >>> 16;
  const low = a0 * b0;
  const mid1 = a1 * b0 + (low >>> 16);
  const mid2 = a0 * b1 + (mid1 & 0xffff);
  return (a1 * b1 + Math.floor(mid1 / 65536) + ((mid2 / 65536) | 0)) >>> 0;
}

/**
 * Computes one Philox4x32-10 block.
 *
 * Shapes: counter uint32 [4], key uint32 [2], out uint32 [4].
 * Effect: writes `out`, allocates nothing.
 */
export function philox4x32InPlace(counter: Uint32Array, key: Uint32Array, out: Uint32Array): void {
  let c0 = counter[0]!; // the four words exist: fixed-size arrays made by this module's callers
  let c1 = counter[1]!;
  let c2 = counter[2]!;
  let c3 = counter[3]!;
  let k0 = key[0]!;
  let k1 = key[1]!;
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(M0, c0);
    const low0 = Math.imul(M0, c0) >>> 0;
    const high1 = mulHigh(M1, c2);
    const low1 = Math.imul(M1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + W0) >>> 0;
    k1 = (k1 + W1) >>> 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/** A 64-bit hash as two halves, so that hashing needs no big integers. */
interface Hash {
  low: number;
  high: number;
}

/** One step of FNV-1a over bytes, 64 bits, in place; `fork` finishes it with a Philox block. */
function fnv1aInPlace(hash: Hash, byte: number): void {
  // The prime is 2^40 + 435: low half times 435 is exact in a double, low half times 2^40 lands in the high half.
  const low = (hash.low ^ byte) >>> 0;
  const product = low * 435;
  hash.high = (Math.imul(hash.high, 435) + Math.floor(product / 2 ** 32) + (low << 8)) >>> 0;
  hash.low = product >>> 0;
}

const encoder = new TextEncoder();

function hashLabels(start: bigint, labels: readonly (string | number | bigint)[]): Hash {
  const first = 0xcbf29ce484222325n ^ start;
  const hash = { low: Number(first & 0xffffffffn), high: Number(first >> 32n) };
  for (const label of labels) {
    fnv1aInPlace(hash, typeof label === "string" ? 0x73 : 0x6e); // s, n
    hashText(hash, typeof label === "string" ? label : String(label));
    fnv1aInPlace(hash, 0);
  }
  return hash;
}

/** Hashes the bytes of a text in UTF-8. */
function hashText(hash: Hash, text: string): void {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x80) {
      for (const byte of encoder.encode(text.slice(i))) fnv1aInPlace(hash, byte);
      return;
    }
    fnv1aInPlace(hash, code);
  }
}

class PhiloxRandom implements Random {
  readonly #keyBits: bigint;
  readonly #key = new Uint32Array(2);
  readonly #counter = new Uint32Array(4);
  readonly #block = new Uint32Array(4);
  #used = 4;
  #blocks = 0n;
  #spareNormal = Number.NaN;

  constructor(keyBits: bigint) {
    this.#keyBits = keyBits;
    this.#key[0] = Number(keyBits & 0xffffffffn);
    this.#key[1] = Number(keyBits >> 32n);
  }

  get key(): string {
    return this.#keyBits.toString(16).padStart(16, "0");
  }

  get position(): bigint {
    return this.#blocks * 4n - BigInt(4 - this.#used);
  }

  nextUint32(): number {
    if (this.#used === 4) {
      philox4x32InPlace(this.#counter, this.#key, this.#block);
      this.#blocks += 1n;
      this.#used = 0;
      for (let word = 0; word < 4; word++) {
        this.#counter[word] = (this.#counter[word]! + 1) >>> 0; // word < 4
        if (this.#counter[word] !== 0) break;
      }
    }
    return this.#block[this.#used++]!; // used < 4 here
  }

  nextUniform(): number {
    const high = this.nextUint32() >>> 5;
    const low = this.nextUint32() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  nextNormal(): number {
    if (!Number.isNaN(this.#spareNormal)) {
      const spare = this.#spareNormal;
      this.#spareNormal = Number.NaN;
      return spare;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - this.nextUniform()));
    const angle = 2 * Math.PI * this.nextUniform();
    this.#spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  nextBelow(bound: number): number {
    const limit = 4294967296 - (4294967296 % bound);
    let draw = this.nextUint32();
    while (draw >= limit) draw = this.nextUint32();
    return draw % bound;
  }

  fork(...labels: readonly (string | number | bigint)[]): Random {
    return new PhiloxRandom(finish(hashLabels(this.#keyBits, labels)));
  }
}

/** Spreads a 64-bit hash over all bits with one Philox block. */
function finish({ low, high }: Hash): bigint {
  const out = new Uint32Array(4);
  const words = Uint32Array.of(low, high, 0, 0);
  philox4x32InPlace(words, Uint32Array.of(0x71746e65, 0x7261_6e64), out);
  return (BigInt(out[1]!) << 32n) | BigInt(out[0]!); // out has four words
}

/**
 * Creates the stream of a seed and, if given, labels.
 *
 * Range: any integer or string; seeds that differ give unrelated streams.
 *
 * @example
 * const random = createRandom(7, "shots", 12);
 * random.nextUniform(); // the same in every process
 */
export function createRandom(
  seed: number | bigint | string,
  ...labels: readonly (string | number | bigint)[]
): Random {
  return new PhiloxRandom(finish(hashLabels(0n, ["seed", seed, ...labels])));
}

/** Shuffles an array in place (Fisher–Yates) and returns it. */
export function shuffleInPlace<T>(items: T[], random: Random): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random.nextBelow(i + 1);
    const kept = items[i]!; // i and j are inside the array
    items[i] = items[j]!;
    items[j] = kept;
  }
  return items;
}
