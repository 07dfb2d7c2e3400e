/** Writes the kernel program of one pass over a state vector. */
import { type KernelCall, type Precision, bytesOf, place } from "@qtune/kernels";
import type { Group } from "./fuse.ts";
import type { Pass } from "./passes.ts";

/** The registers of a pass program. */
export const passRegisters = {
  scratch: 1,
  tables: 2,
  tile: 3,
  state: 4,
  out: 5,
  chunk: 6,
  work: 7,
} as const;

/** A program and its tables as an image of memory. */
export interface PassProgram {
  readonly calls: readonly KernelCall[];
  readonly tables: Uint8Array;
  readonly tiles: number;
  readonly scratchBytes: number;
}

/** Scratch of the matrix kernel: 64 bytes per term, up to 2^10 terms. */
const matrixScratchBytes = 65536;

/** Writes a pass over a state of n qubits. Effect: pure. */
export function writePass(pass: Pass, n: number, precision: Precision): PassProgram {
  return new PassWriter(pass, n, precision).write();
}

class PassWriter {
  readonly #pass: Pass;
  readonly #size: 4 | 8;
  readonly #laneBits: number;
  readonly #outer: readonly number[];
  readonly #statePlane: number;
  readonly #tilePlane: number;
  readonly #isWhole: boolean;
  readonly #calls: KernelCall[] = [];
  #image = new Uint8Array(4096);
  #used = 0;

  constructor(pass: Pass, n: number, precision: Precision) {
    this.#pass = pass;
    this.#size = bytesOf(precision);
    this.#laneBits = precision === "float32" ? 2 : 1;
    const inside = new Set(pass.inner);
    this.#outer = Array.from({ length: n }, (_, qubit) => qubit).filter(
      (qubit) => !inside.has(qubit),
    );
    this.#isWhole = this.#outer.length === 0;
    this.#statePlane = 2 ** n * this.#size;
    this.#tilePlane = 2 ** pass.inner.length * this.#size;
  }

  write(): PassProgram {
    const copy = this.#isWhole ? undefined : this.#copyArguments();
    if (copy !== undefined) this.#calls.push({ kernel: "gatherTile", arguments: copy });
    for (const group of this.#pass.groups) {
      if (group.kind === "matrix") this.#writeMatrix(group);
      else this.#writePhase(group);
    }
    if (copy !== undefined) this.#calls.push({ kernel: "scatterTile", arguments: copy });
    return {
      calls: this.#calls,
      tables: this.#image.slice(0, this.#used),
      tiles: 2 ** this.#outer.length,
      scratchBytes:
        (this.#isWhole ? 0 : 2 * this.#tilePlane) +
        Math.max(matrixScratchBytes, this.#tilePlane / 4),
    };
  }

  /** Runs of amplitudes that lie together inside and outside of the tile. */
  #copyArguments(): Record<string, number> {
    const { inner } = this.#pass;
    let run = 0;
    while (inner[run] === run) run += 1;
    const upper = inner.slice(run);
    const offsets = Uint32Array.from({ length: 2 ** upper.length }, (_, chunk) =>
      upper.reduce((sum, qubit, bit) => sum + ((chunk >>> bit) & 1) * 2 ** (qubit - run), 0),
    );
    return {
      state: place(passRegisters.state, 0),
      plane: this.#statePlane,
      tileAt: place(passRegisters.scratch, 0),
      tilePlane: this.#tilePlane,
      chunkBytes: 2 ** run * this.#size,
      chunks: offsets.length,
      offsets: this.#store(offsets),
      tile: place(passRegisters.tile, 0),
      outer: this.#outer.length,
      outerQubits: this.#store(Int32Array.from(this.#outer)),
    };
  }

  #target(): { psi: number; plane: number; vectors: number } {
    return {
      psi: this.#isWhole ? place(passRegisters.state, 0) : place(passRegisters.scratch, 0),
      plane: this.#tilePlane,
      vectors: this.#tilePlane / 16,
    };
  }

  /** Positions of qubits in the tile: lanes, and bits of the vector index. */
  #locate(qubits: readonly number[]): { lanes: number[]; high: number[]; outer: number[] } {
    const lanes: number[] = [];
    const high: number[] = [];
    const outer: number[] = [];
    for (const qubit of qubits) {
      const position = this.#pass.inner.indexOf(qubit);
      if (position < 0) outer.push(this.#outer.indexOf(qubit));
      else if (position < this.#laneBits) lanes.push(position);
      else high.push(position - this.#laneBits);
    }
    return { lanes, high, outer };
  }

  #writeMatrix(group: Extract<Group, { kind: "matrix" }>): void {
    const { lanes, high } = this.#locate(group.qubits);
    const masks = { inner: 0, innerValue: 0, outer: 0, outerValue: 0, lane: 0, laneValue: 0 };
    for (const { qubit, value } of group.controls) {
      const where = this.#locate([qubit]);
      for (const [kind, bits] of Object.entries({
        inner: where.high,
        outer: where.outer,
        lane: where.lanes,
      } as const)) {
        const [bit] = bits;
        if (bit === undefined) continue;
        masks[kind as "inner" | "outer" | "lane"] += 2 ** bit; // a key of the object above
        masks[`${kind as "inner" | "outer" | "lane"}Value`] += value * 2 ** bit;
      }
    }
    const flips = 2 ** lanes.length;
    const laneMasks = Int32Array.from({ length: Math.max(4, flips) }, (_, f) =>
      lanes.reduce((mask, lane, bit) => mask | (((f >>> bit) & 1) << lane), 0),
    );
    const table = this.#matrixTable(group.matrix, lanes, high.length, masks);
    const sparse = this.#sparseRows(table, 2 ** high.length, flips);
    const shared = {
      ...this.#target(),
      k: high.length,
      qubits: this.#store(Int32Array.from([...high, 0])),
      flips,
      laneMasks: this.#store(laneMasks),
      controlMask: masks.inner,
      controlValue: masks.innerValue,
      scratch: place(passRegisters.scratch, this.#isWhole ? 0 : 2 * this.#tilePlane),
      tile: place(passRegisters.tile, 0),
      outerMask: masks.outer,
      outerValue: masks.outerValue,
    };
    this.#calls.push(
      sparse === undefined
        ? { kernel: "laneMatrix", arguments: { ...shared, coefficients: this.#store(table) } }
        : { kernel: "laneSparse", arguments: { ...shared, rows: this.#store(sparse) } },
    );
  }

  /** The rows of a table without their zeros, or undefined when at most half of them are zero. */
  #sparseRows(
    table: Float32Array | Float64Array,
    dim: number,
    flips: number,
  ): Uint8Array | undefined {
    const width = 2 ** this.#laneBits;
    const inputs = dim * flips;
    const term = (row: number, input: number) =>
      table.subarray((row * inputs + input) * 2 * width, (row * inputs + input + 1) * 2 * width);
    const rows = Array.from({ length: dim }, (_, row) => {
      const used = Array.from({ length: inputs }, (__, input) => input).filter((input) =>
        term(row, input).some((x) => x !== 0),
      );
      const isKept =
        used.length === 1 &&
        used[0] === row * flips &&
        term(row, row * flips).every((x, lane) => x === (lane < width ? 1 : 0));
      return isKept ? [] : used;
    });
    const count = rows.reduce((sum, used) => sum + used.length, 0);
    if (count > (dim * inputs) / 2) return undefined;
    const bytes = new Uint8Array(16 * dim + 48 * count);
    const words = new Uint32Array(bytes.buffer);
    let at = 0;
    for (const [row, used] of rows.entries()) {
      words[at / 4] = used.length;
      at += 16;
      for (const input of used) {
        words[at / 4] = input;
        const values = term(row, input);
        bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at + 16);
        at += 48;
      }
    }
    return bytes;
  }

  /** [out, in, flip, (re, im)] vectors: what each lane is multiplied by. */
  #matrixTable(
    matrix: { readonly size: number; readonly re: Float64Array; readonly im: Float64Array },
    lanes: readonly number[],
    k: number,
    masks: { readonly lane: number; readonly laneValue: number },
  ): Float32Array | Float64Array {
    const width = 2 ** this.#laneBits;
    const dim = 2 ** k;
    const flips = 2 ** lanes.length;
    const length = dim * dim * flips * 2 * width;
    const table = this.#size === 4 ? new Float32Array(length) : new Float64Array(length);
    let at = 0;
    for (let i = 0; i < dim; i++) {
      for (let j = 0; j < dim; j++) {
        for (let f = 0; f < flips; f++) {
          for (let lane = 0; lane < width; lane++) {
            const own = lanes.reduce(
              (sum, bit, index) => sum + ((lane >>> bit) & 1) * 2 ** index,
              0,
            );
            const row = own + i * flips;
            const column = (own ^ f) + j * flips;
            const acts = (lane & masks.lane) === masks.laneValue;
            const identity = i === j && f === 0 ? 1 : 0;
            table[at + lane] = acts ? matrix.re[row * matrix.size + column]! : identity; // inside
            table[at + width + lane] = acts ? matrix.im[row * matrix.size + column]! : 0;
          }
          at += 2 * width;
        }
      }
    }
    return table;
  }

  #writePhase(group: Extract<Group, { kind: "phase" }>): void {
    const { high, outer } = this.#locate(group.qubits);
    const width = 2 ** this.#laneBits;
    const words = this.#size === 4 ? 12 : 6;
    const entries = 2 ** (high.length + outer.length);
    const bytes = new Uint8Array(48 * entries);
    const values =
      this.#size === 4 ? new Float32Array(bytes.buffer) : new Float64Array(bytes.buffer);
    const kinds = new Int32Array(bytes.buffer);
    const { inner } = this.#pass;
    for (let entry = 0; entry < entries; entry++) {
      for (let lane = 0; lane < width; lane++) {
        const index = group.qubits.reduce((sum, qubit, bit) => {
          const position = inner.indexOf(qubit);
          const value =
            position < 0
              ? (entry >>> (high.length + outer.indexOf(this.#outer.indexOf(qubit)))) & 1
              : position < this.#laneBits
                ? (lane >>> position) & 1
                : (entry >>> high.indexOf(position - this.#laneBits)) & 1;
          return sum + value * 2 ** bit;
        }, 0);
        const phase = group.phases[index]!; // index < 2^k
        if (phase !== 0) kinds[12 * entry] = 1;
        values[words * entry + words / 3 + lane] = Math.cos(phase);
        values[words * entry + (2 * words) / 3 + lane] = Math.sin(phase);
      }
    }
    this.#calls.push({
      kernel: "lanePhase",
      arguments: {
        ...this.#target(),
        k: high.length,
        qubits: this.#store(Int32Array.from([...high, 0])),
        table: this.#store(bytes),
        tile: place(passRegisters.tile, 0),
        outer: outer.length,
        outerQubits: this.#store(Int32Array.from([...outer, 0])),
        scratch: place(passRegisters.scratch, this.#isWhole ? 0 : 2 * this.#tilePlane),
      },
    });
  }

  #store(values: Uint8Array | Int32Array | Uint32Array | Float32Array | Float64Array): number {
    const at = this.#used;
    this.#used += Math.ceil(values.byteLength / 16) * 16;
    if (this.#used > this.#image.length) {
      const larger = new Uint8Array(2 * this.#used);
      larger.set(this.#image);
      this.#image = larger;
    }
    this.#image.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
    return place(passRegisters.tables, at);
  }
}
