/**
 * One state vector on a backend, in place: gates are fused, ordered into passes, and each pass brings tiles of the state
 * into cache, on several threads where there are several tiles.
 */
import {
  type Abortable,
  type Random,
  QtuneError,
  assertInteger,
  throwIfAborted,
} from "@qtune/base";
import type { Observable, Operation } from "@qtune/circuit";
import {
  type Backend,
  type BackendOptions,
  type KernelCall,
  type Precision,
  bytesOf,
  createBackend,
  encodeProgram,
} from "@qtune/kernels";
import { isOdd, toMasks } from "../batched/observable-table.ts";
import type { Item } from "../plan/item.ts";
import { lowerOperations } from "../plan/lower.ts";
import type { Engine } from "./engine.ts";
import { fuseItems } from "./fuse.ts";
import { type PassProgram, passRegisters, writePass } from "./pass-program.ts";
import { type Pass, planPasses } from "./passes.ts";

/** How a state vector is held. */
export interface StateVectorOptions extends BackendOptions {
  readonly precision?: Precision | undefined;
  /** Most bytes that the state may take. Default 3 GiB. */
  readonly memoryBytes?: number | undefined;
  /** Qubits up to which gates are fused. Default 3 below 14 qubits, where compiling counts, else 4. */
  readonly fuseQubits?: number | undefined;
  /** Qubits of a tile. Default: 14 in float32, 13 in float64, both planes in half of a level-2 cache of 512 KiB. */
  readonly tileQubits?: number | undefined;
  /** Bytes of memory kept free behind the state, for those who compute beside it. Default 0. */
  readonly workBytes?: number | undefined;
}

/** Kernel calls over tiles of a state that write numbers for the caller. */
export interface StateReading {
  readonly calls: readonly KernelCall[];
  readonly tables: Uint8Array;
  readonly tiles: number;
  readonly scratchBytes: number;
  /** Bytes behind register {@link passRegisters.out} per tile, a multiple of 16. */
  readonly outBytes: number;
  /** By how much the registers of the state's chunk and of the work space advance per tile. Default 0. */
  readonly chunkBytes?: number | undefined;
}

const defaultTileQubits = { float32: 14, float64: 13 } as const;
/** The lowest qubits are always inside a tile, so that memory is read in runs. */
const fixedQubits = 6;

/** Returns the bytes of a state vector. */
export function stateVectorBytes(n: number, precision: Precision): number {
  return 2 * 2 ** n * bytesOf(precision);
}

/**
 * Creates |0…0⟩ of n qubits.
 *
 * Range:  up to 28 qubits in float32, 27 in float64.
 * Effect: owns a memory until closed; threads start with the first state of several tiles.
 * Errors: resource_exhausted, before anything is allocated, when the state does not fit `memoryBytes`.
 */
export function createStateVector(n: number, options: StateVectorOptions = {}): StateVectorEngine {
  assertInteger(n, { min: 0, max: 1000 }, "qubits");
  const precision = options.precision ?? "float64";
  const bytes = stateVectorBytes(n, precision);
  const budget = Math.min(options.memoryBytes ?? 3 * 2 ** 30, 3 * 2 ** 30);
  if (bytes > budget) {
    throw new QtuneError(
      "resource_exhausted",
      `expected a state vector of at most ${toMebibytes(budget)} MiB but ${n} qubits in ${precision} need ${toMebibytes(bytes)} MiB`,
      { where: "qubits", details: { qubits: n, bytes, budget } },
    );
  }
  return new StateVectorEngine(n, precision, options);
}

function toMebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toLocaleString("en-US", { maximumFractionDigits: 0 });
}

interface CompiledPass {
  readonly program: PassProgram;
  readonly words: Uint32Array;
}

interface SavedAmplitudes {
  readonly re: Float32Array | Float64Array;
  readonly im: Float32Array | Float64Array;
}

/** A state vector with a lifetime. Made by {@link createStateVector}. */
export class StateVectorEngine implements Engine {
  readonly n: number;
  readonly precision: Precision;
  /** Qubits that the memory holds: at least one vector's worth. */
  readonly #held: number;
  readonly #backend: Backend;
  readonly #state: number;
  readonly #plane: number;
  /** First address behind the state and the caller's work space. */
  readonly #end: number;
  readonly #fuseQubits: number;
  readonly #tileQubits: number;
  /** Programs of item lists that may come again. */
  readonly #programs = new WeakMap<readonly Item[], readonly CompiledPass[]>();

  constructor(n: number, precision: Precision, options: StateVectorOptions) {
    this.n = n;
    this.precision = precision;
    this.#held = Math.max(n, 3);
    this.#tileQubits = options.tileQubits ?? defaultTileQubits[precision];
    const isLarge = this.#held > this.#tileQubits;
    this.#backend = createBackend({ ...options, threads: isLarge ? options.threads : 1 });
    this.#state = align(this.#backend.firstAddress);
    this.#plane = 2 ** this.#held * bytesOf(precision);
    this.#fuseQubits = options.fuseQubits ?? (n < 14 ? 3 : 4);
    this.#end = align(this.#state + 2 * this.#plane + (options.workBytes ?? 0));
    this.#backend.reserve(this.#end);
    this.reset();
  }

  /** Goes back to |0…0⟩. */
  reset(): void {
    this.#part(0).fill(0)[0] = 1;
    this.#part(1).fill(0);
  }

  /** Real or imaginary parts as they lie in memory; valid until the next call. */
  #part(part: 0 | 1): Float32Array | Float64Array {
    const address = this.#state + part * this.#plane;
    const length = 2 ** this.#held;
    return this.precision === "float32"
      ? this.#backend.float32(address, length)
      : this.#backend.float64(address, length);
  }

  /** Applies unitary operations with bound angles; see {@link StateVectorEngine.apply}. */
  async applyOperations(
    operations: readonly Operation[],
    circuit: Parameters<typeof lowerOperations>[1],
    options: Abortable = {},
  ): Promise<void> {
    await this.apply(lowerOperations(operations, circuit), options);
  }

  /**
   * Applies items with bound angles. A list that comes again, the same object, is not compiled again.
   *
   * Effect: changes the state; cancellable, the state is then undefined.
   * Errors: cancelled.
   */
  async apply(items: readonly Item[], options: Abortable = {}): Promise<void> {
    throwIfAborted(options.signal);
    const programs = this.#programs.get(items) ?? this.#compile(items);
    this.#programs.set(items, programs);
    for (const program of programs) await this.#runPass(program, options);
  }

  #compile(items: readonly Item[]): readonly CompiledPass[] {
    const groups = fuseItems(items, this.#fuseQubits);
    const T = this.#tileQubits;
    const passes =
      this.#held <= T
        ? wholePass(groups, this.#held)
        : planPasses(groups, this.#held, T, fixedQubits);
    return passes.map((pass) => {
      const program = writePass(pass, this.#held, this.precision);
      return { program, words: encodeProgram(program.calls) };
    });
  }

  async #runPass({ program, words }: CompiledPass, options: Abortable): Promise<void> {
    const backend = this.#backend;
    const tables = this.#end;
    const at = align(tables + program.tables.length);
    const scratch = align(at + 4 * words.length);
    const scratchBytes = align(program.scratchBytes);
    backend.reserve(scratch + scratchBytes * backend.threads);
    backend
      .uint32(tables, program.tables.length / 4)
      .set(
        new Uint32Array(
          program.tables.buffer,
          program.tables.byteOffset,
          program.tables.length / 4,
        ),
      );
    backend.uint32(at, words.length).set(words);
    const base = new Uint32Array(16);
    const advance = new Uint32Array(16);
    base[passRegisters.tables] = tables;
    base[passRegisters.state] = this.#state;
    advance[passRegisters.tile] = 1;
    await backend.runTiles(
      {
        precision: this.precision,
        program: at,
        operations: program.calls.length,
        tiles: program.tiles,
        base,
        advance,
        scratch,
        scratchBytes,
        parallel: true,
      },
      options,
    );
  }

  /** Real and imaginary parts [2^n] in place; valid until the next call that may grow the memory. */
  planes(): {
    readonly re: Float32Array | Float64Array;
    readonly im: Float32Array | Float64Array;
  } {
    return { re: this.#part(0), im: this.#part(1) };
  }

  /** The work space as numbers of the state's precision, in place; valid as long as {@link planes}. */
  work(length: number): Float32Array | Float64Array {
    const address = this.#state + 2 * this.#plane;
    return this.precision === "float32"
      ? this.#backend.float32(address, length)
      : this.#backend.float64(address, length);
  }

  /**
   * Runs kernel calls on every tile. Registers: the state, the chunk of it and of the work space that belongs to the tile, tables, out.
   *
   * Shapes: result [tiles, outBytes / size], zero where a tile wrote nothing; valid until the next call.
   * Errors: cancelled.
   */
  async read(reading: StateReading, options: Abortable = {}): Promise<Float32Array | Float64Array> {
    const backend = this.#backend;
    const words = encodeProgram(reading.calls);
    const at = align(this.#end + reading.tables.length);
    const out = align(at + 4 * words.length);
    const scratch = align(out + reading.outBytes * reading.tiles);
    const scratchBytes = align(reading.scratchBytes);
    backend.reserve(scratch + scratchBytes * backend.threads);
    const { buffer, byteOffset, length } = reading.tables;
    backend.uint32(this.#end, length / 4).set(new Uint32Array(buffer, byteOffset, length / 4));
    backend.uint32(at, words.length).set(words);
    backend.uint32(out, (reading.outBytes * reading.tiles) / 4).fill(0);
    const base = new Uint32Array(16);
    const advance = new Uint32Array(16);
    base[passRegisters.tables] = this.#end;
    base[passRegisters.state] = this.#state;
    base[passRegisters.out] = out;
    advance[passRegisters.out] = reading.outBytes;
    base[passRegisters.chunk] = this.#state;
    base[passRegisters.work] = this.#state + 2 * this.#plane;
    advance[passRegisters.chunk] = advance[passRegisters.work] = reading.chunkBytes ?? 0;
    advance[passRegisters.tile] = 1;
    await backend.runTiles(
      {
        precision: this.precision,
        program: at,
        operations: reading.calls.length,
        tiles: reading.tiles,
        base,
        advance,
        scratch,
        scratchBytes,
        parallel: reading.tiles > 1,
      },
      options,
    );
    const numbers = (reading.outBytes * reading.tiles) / bytesOf(this.precision);
    return this.precision === "float32"
      ? backend.float32(out, numbers)
      : backend.float64(out, numbers);
  }

  /** Returns |ψ|². Shapes: float64 [2^n]. Cost: 2^n numbers. */
  populations(): Float64Array {
    const [re, im] = [this.#part(0), this.#part(1)];
    return Float64Array.from({ length: 2 ** this.n }, (_, x) => re[x]! ** 2 + im[x]! ** 2); // inside
  }

  /** Returns the real parts of chosen amplitudes. Shapes: indices and result [count]. */
  realParts(indices: ArrayLike<number>): Float64Array {
    const re = this.#part(0);
    return Float64Array.from(indices, (x) => re[x]!); // callers stay inside
  }

  /** Returns the amplitudes. Shapes: re, im [2^n], copies. */
  amplitudes(): { readonly re: Float64Array; readonly im: Float64Array } {
    const length = 2 ** this.n;
    return {
      re: Float64Array.from(this.#part(0).subarray(0, length)),
      im: Float64Array.from(this.#part(1).subarray(0, length)),
    };
  }

  save(): SavedAmplitudes {
    const length = 2 ** this.n;
    return { re: this.#part(0).slice(0, length), im: this.#part(1).slice(0, length) };
  }

  restore(saved: unknown): void {
    const { re, im } = saved as SavedAmplitudes; // made by save
    this.#part(0).set(re);
    this.#part(1).set(im);
  }

  /** Returns the weight ‖⟨1|ψ‖² of a qubit, and of the whole state. */
  weights(qubit: number): { readonly one: number; readonly total: number } {
    const [re, im] = [this.#part(0), this.#part(1)];
    let total = 0;
    let one = 0;
    const stride = 2 ** qubit;
    for (let start = 0; start < 2 ** this.n; start += stride) {
      let sum = 0;
      for (let x = start; x < start + stride; x++) sum += re[x]! * re[x]! + im[x]! * im[x]!; // inside
      total += sum;
      if ((start / stride) % 2 === 1) one += sum;
    }
    return { one, total };
  }

  /** Projects a qubit onto a value and multiplies by `factor`; with `flip` the qubit ends in the other value. */
  projectInPlace(qubit: number, value: 0 | 1, factor = 1, flip = false): void {
    const [re, im] = [this.#part(0), this.#part(1)];
    const stride = 2 ** qubit;
    for (let start = 0; start < 2 ** this.n; start += 2 * stride) {
      const kept = start + (value === 1 ? stride : 0);
      const to = flip ? 2 * start + stride - kept : kept;
      for (const plane of [re, im]) {
        for (let x = 0; x < stride; x++) {
          const amplitude = plane[kept + x]! * factor; // inside
          plane[kept + x] = 0;
          plane[2 * start + stride - kept + x] = 0;
          plane[to + x] = amplitude;
        }
      }
    }
  }

  /**
   * Draws basis states.
   *
   * Shapes: float64 [shots] of indices in the order of the draws.
   * Effect: advances `random` by `shots` numbers; the state is not changed.
   * Cost:   one pass over the state, then shots · log(shots).
   */
  async sample(shots: number, random: Random, options: Abortable = {}): Promise<Float64Array> {
    const targets = Float64Array.from({ length: shots }, () => random.nextUniform());
    const bits = Math.min(12, this.#held);
    const blocks = await this.#blockWeights(bits, options);
    let total = 0;
    for (const weight of blocks) total += weight;
    const order = Uint32Array.from(targets, (_, shot) => shot).sort(
      (a, b) => targets[a]! - targets[b]!,
    );
    const drawn = new Float64Array(shots);
    const [re, im] = [this.#part(0), this.#part(1)];
    let block = 0;
    let before = 0;
    let next = 0;
    while (next < shots) {
      const first = targets[order[next]!]! * total;
      while (block < blocks.length - 1 && before + blocks[block]! <= first)
        before += blocks[block++]!;
      let sum = before;
      const end = before + blocks[block]!;
      for (let x = block * 2 ** bits; x < (block + 1) * 2 ** bits && next < shots; x++) {
        sum += re[x]! * re[x]! + im[x]! * im[x]!;
        const isLast = x === (block + 1) * 2 ** bits - 1;
        // Rounding may leave a target between the last sum and the end of the block.
        const limit = isLast
          ? Math.max(sum, block === blocks.length - 1 ? Number.POSITIVE_INFINITY : end)
          : sum;
        while (next < shots && targets[order[next]!]! * total < limit) drawn[order[next++]!] = x;
      }
      if (block === blocks.length - 1) break;
      before = end;
      block += 1;
    }
    return drawn;
  }

  async sampleBits(shots: number, random: Random, options: Abortable = {}): Promise<Uint8Array> {
    const drawn = await this.sample(shots, random, options);
    const bits = new Uint8Array(shots * this.n);
    for (let shot = 0; shot < shots; shot++) {
      for (let qubit = 0; qubit < this.n; qubit++)
        bits[shot * this.n + qubit] = (drawn[shot]! >>> qubit) & 1; // shot < shots
    }
    return bits;
  }

  async #blockWeights(bits: number, options: Abortable): Promise<Float64Array> {
    const backend = this.#backend;
    const blocks = 2 ** (this.#held - bits);
    const perTile = Math.min(blocks, 64);
    const out = this.#end;
    const at = align(out + 8 * blocks);
    const words = encodeProgram([
      {
        kernel: "blockWeights",
        arguments: {
          psi: passRegisters.state,
          plane: this.#plane,
          bits,
          blocks: perTile,
          out: passRegisters.tables,
        },
      },
    ]);
    backend.reserve(at + 4 * words.length);
    backend.uint32(at, words.length).set(words);
    const base = new Uint32Array(16);
    const advance = new Uint32Array(16);
    base[passRegisters.state] = this.#state;
    advance[passRegisters.state] = perTile * 2 ** bits * bytesOf(this.precision);
    base[passRegisters.tables] = out;
    advance[passRegisters.tables] = 8 * perTile;
    const job = {
      precision: this.precision,
      program: at,
      operations: 1,
      tiles: blocks / perTile,
      base,
      advance,
      scratch: 0,
      scratchBytes: 0,
      parallel: true,
    };
    await backend.runTiles(job, options);
    return backend.float64(out, blocks).slice();
  }

  /** Returns ⟨ψ|O|ψ⟩. Cost: one pass over the state per Pauli string, on one thread. */
  expectation(observable: Observable): number {
    const [re, im] = [this.#part(0), this.#part(1)];
    const size = 2 ** this.n;
    let value = 0;
    for (const term of observable.terms) {
      const { coefficient, xMask, zMask, phase } = toMasks(term);
      let sum = 0;
      for (let x = 0; x < size; x++) {
        const y = x ^ xMask;
        const part =
          phase % 2 === 0 ? re[y]! * re[x]! + im[y]! * im[x]! : im[y]! * re[x]! - re[y]! * im[x]!; // inside
        sum += isOdd(x & zMask) !== phase >= 2 ? -part : part;
      }
      value += coefficient * sum;
    }
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#backend.close();
  }
}

function wholePass(groups: Pass["groups"], n: number): readonly Pass[] {
  return groups.length === 0
    ? []
    : [{ inner: Array.from({ length: n }, (_, qubit) => qubit), groups }];
}

function align(bytes: number): number {
  return Math.ceil(bytes / 64) * 64;
}
