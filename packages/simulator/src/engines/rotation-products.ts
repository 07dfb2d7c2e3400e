/**
 * Writes kernel calls for Im ⟨λ|Y|ψ⟩ of many qubits, where ψ and λ are the two halves of one state vector. Tiles of both are
 * gathered into cache, so that one pass over memory serves all qubits of a tile.
 */
import { type KernelCall, type Precision, bytesOf, place } from "@qtune/kernels";
import { passRegisters } from "./pass-program.ts";
import type { StateReading } from "./state-vector.ts";

/** A reading and where the sums of each qubit stand in a tile's numbers: `width` of them, to be added up. */
export interface RotationProducts {
  readonly reading: StateReading;
  readonly sums: readonly { readonly qubit: number; readonly at: number }[];
  /** Numbers that belong to one qubit: one vector. */
  readonly width: number;
}

/** Qubits of a tile: both states take 128 KiB. */
const tileQubits = { float32: 13, float64: 12 } as const;
/** The lowest qubits are in every tile, so that memory is read in runs. */
const fixedQubits = 6;

/**
 * Writes the readings for the products of some qubits of a state of n ≥ 2 qubits; λ stands 2^n amplitudes behind ψ in planes of
 * `planeBytes`. Effect: pure.
 */
export function writeRotationProducts(
  qubits: readonly number[],
  n: number,
  precision: Precision,
  planeBytes: number,
): readonly RotationProducts[] {
  const T = Math.min(n, tileQubits[precision]);
  const low = qubits.filter((qubit) => qubit < T);
  const high = qubits.filter((qubit) => qubit >= T);
  const groups = low.length > 0 ? [low] : [];
  const perPass = T - Math.min(T, fixedQubits);
  for (let i = 0; i < high.length; i += perPass) groups.push(high.slice(i, i + perPass));
  return groups.map((group) => {
    const inner = new Set(Array.from({ length: Math.min(T, fixedQubits) }, (_, qubit) => qubit));
    for (const qubit of group) if (qubit >= T) inner.add(qubit);
    for (let qubit = 0; inner.size < T; qubit++) inner.add(qubit);
    const writer = new ProductWriter(
      [...inner].sort((a, b) => a - b),
      n,
      precision,
      planeBytes,
    );
    return writer.write(group);
  });
}

class ProductWriter {
  readonly #inner: readonly number[];
  readonly #outer: readonly number[];
  readonly #size: 4 | 8;
  readonly #laneBits: number;
  readonly #n: number;
  readonly #planeBytes: number;
  readonly #calls: KernelCall[] = [];
  readonly #tables: Uint8Array[] = [];
  #tableBytes = 0;
  #outBytes = 0;

  constructor(inner: readonly number[], n: number, precision: Precision, planeBytes: number) {
    this.#inner = inner;
    this.#outer = Array.from({ length: n }, (_, qubit) => qubit).filter(
      (qubit) => !inner.includes(qubit),
    );
    this.#size = bytesOf(precision);
    this.#laneBits = precision === "float32" ? 2 : 1;
    this.#n = n;
    this.#planeBytes = planeBytes;
  }

  get #tilePlane(): number {
    return 2 ** this.#inner.length * this.#size;
  }

  write(qubits: readonly number[]): RotationProducts {
    const psi = place(passRegisters.scratch, 0);
    const lambda = place(passRegisters.scratch, 2 * this.#tilePlane);
    this.#gather(0, psi);
    this.#gather(2 ** this.#n * this.#size, lambda);
    const both = { psi, lambda, plane: this.#tilePlane, ...this.#shape() };
    const sums: { qubit: number; at: number }[] = [];
    const take = (qubit: number, bytes: number): number => {
      const at = this.#outBytes;
      this.#outBytes += bytes;
      sums.push({ qubit, at: at / this.#size });
      return place(passRegisters.out, at);
    };
    const position = (qubit: number): number => this.#inner.indexOf(qubit);
    const rest = qubits.filter((qubit) => position(qubit) >= this.#laneBits);
    const turn = (index: number, qubit: number): Record<string, number> => ({
      [`qubit${index}`]: position(qubit) - this.#laneBits,
      [`out${index}`]: take(qubit, 16),
    });
    // The kernel of three qubits wants them in ascending order.
    const ascending = [...rest].sort((a, b) => position(a) - position(b));
    while (ascending.length >= 3) {
      const three = ascending.splice(0, 3).map((qubit, index) => turn(index, qubit));
      this.#call("rotationGradient3", Object.assign({ ...both, parts: 2 }, ...three));
    }
    for (const qubit of ascending)
      this.#call("rotationGradient1", { ...both, parts: 2, ...turn(0, qubit) });
    for (const qubit of qubits) {
      const lane = position(qubit);
      if (lane >= this.#laneBits) continue;
      this.#turnLane(lane, 1);
      const none = {
        k: 0,
        qubits: this.#store(new Int32Array(4)),
        controlMask: 0,
        controlValue: 0,
      };
      this.#call("crossMatrix", { ...both, ...none, out: take(qubit, 32) });
      this.#turnLane(lane, -1);
    }
    const tables = new Uint8Array(Math.max(16, this.#tableBytes));
    let at = 0;
    for (const table of this.#tables) {
      tables.set(table, at);
      at += table.length;
    }
    return {
      reading: {
        calls: this.#calls,
        tables,
        tiles: 2 ** this.#outer.length,
        scratchBytes: 4 * this.#tilePlane + 256,
        outBytes: this.#outBytes,
      },
      sums,
      width: 16 / this.#size,
    };
  }

  #shape(): { amps: number; rowBytes: number } {
    return { amps: 2 ** (this.#inner.length - this.#laneBits), rowBytes: 16 };
  }

  #gather(offset: number, tileAt: number): void {
    let run = 0;
    while (this.#inner[run] === run) run += 1;
    const upper = this.#inner.slice(run);
    const offsets = Uint32Array.from({ length: 2 ** upper.length }, (_, chunk) =>
      upper.reduce((sum, qubit, bit) => sum + ((chunk >>> bit) & 1) * 2 ** (qubit - run), 0),
    );
    this.#call("gatherTile", {
      state: place(passRegisters.state, offset),
      plane: this.#planeBytes,
      tileAt,
      tilePlane: this.#tilePlane,
      chunkBytes: 2 ** run * this.#size,
      chunks: offsets.length,
      offsets: this.#store(offsets),
      tile: place(passRegisters.tile, 0),
      outer: this.#outer.length,
      outerQubits: this.#store(Int32Array.from(this.#outer)),
    });
  }

  /** ψ = ∓i Y ψ on a qubit that is a lane: exchanges its two values and gives one a sign. */
  #turnLane(lane: number, sign: 1 | -1): void {
    const width = 16 / this.#size;
    const values = new Float64Array(4 * width);
    for (let i = 0; i < width; i++) values[2 * width + i] = ((i >>> lane) & 1) === 1 ? sign : -sign;
    this.#call("laneMatrix", {
      psi: place(passRegisters.scratch, 0),
      plane: this.#tilePlane,
      vectors: 2 ** (this.#inner.length - this.#laneBits),
      k: 0,
      qubits: this.#store(new Int32Array(4)),
      flips: 2,
      laneMasks: this.#store(Int32Array.of(0, 1 << lane, 0, 0)),
      controlMask: 0,
      controlValue: 0,
      coefficients: this.#store(this.#size === 4 ? Float32Array.from(values) : values),
      scratch: place(passRegisters.scratch, 4 * this.#tilePlane),
      tile: place(passRegisters.tile, 0),
      outerMask: 0,
      outerValue: 0,
    });
  }

  #store(values: Int32Array | Uint32Array | Float32Array | Float64Array): number {
    const at = this.#tableBytes;
    const bytes = new Uint8Array(Math.max(16, Math.ceil(values.byteLength / 16) * 16));
    bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    this.#tables.push(bytes);
    this.#tableBytes += bytes.length;
    return place(passRegisters.tables, at);
  }

  #call(kernel: KernelCall["kernel"], args: Record<string, number>): void {
    this.#calls.push({ kernel, arguments: args });
  }
}
