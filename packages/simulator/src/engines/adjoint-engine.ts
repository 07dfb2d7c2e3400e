/**
 * Gradients of one row on a large state vector: the adjoint method (Jones and Gacon, arXiv 2009.02823) with the
 * cotangent folded into the observable. ψ and λ = Σ g_k O_k ψ are the two halves of one state vector of n + 1 qubits, so every
 * gate of the reverse sweep is undone on both in one pass over memory.
 */
import { type Abortable, QtuneError, internalError } from "@qtune/base";
import { type Circuit, type Observable, isBoundAngle, parameterNames } from "@qtune/circuit";
import { type BackendOptions, type Precision, bytesOf, place } from "@qtune/kernels";
import { toMasks } from "../batched/observable-table.ts";
import { gatherBlocks } from "../plan/block.ts";
import type { DiagonalItem, Item, RotationItem } from "../plan/item.ts";
import { invertItem, lowerOperations } from "../plan/lower.ts";
import type { Slot } from "../plan/plan.ts";
import { passRegisters } from "./pass-program.ts";
import { type RotationProducts, writeRotationProducts } from "./rotation-products.ts";
import { type StateVectorEngine, createStateVector, stateVectorBytes } from "./state-vector.ts";
import { walshSumsInPlace, writeWalshInPlace } from "./walsh.ts";

/** An item whose angle may have a slot; −1 where it has none. */
interface OpenItem {
  readonly item: Item;
  readonly slot: number;
}

/** Items that commute with each other, or constants. */
interface OpenBlock {
  readonly items: readonly OpenItem[];
  readonly hasSlots: boolean;
}

/** A unitary circuit, lowered once for all rows. */
export interface AdjointPlan {
  readonly n: number;
  readonly Ps: number;
  readonly Pr: number;
  readonly slots: readonly Slot[];
  readonly blocks: readonly OpenBlock[];
}

/** Lowers a circuit of unitary operations. Effect: pure. Errors: those of lowering. */
export function compileAdjoint(circuit: Circuit): AdjointPlan {
  const shared = parameterNames(circuit, "shared");
  const rows = parameterNames(circuit, "row");
  const slots: Slot[] = [];
  const open = (item: Item): OpenItem => {
    if (!("angle" in item) || isBoundAngle(item.angle)) return { item, slot: -1 };
    const slot = { constant: item.angle.constant, shared: [], rows: [] } as {
      constant: number;
      shared: { index: number; coefficient: number }[];
      rows: { index: number; coefficient: number }[];
    };
    for (const { parameter, coefficient } of item.angle.terms) {
      const index = shared.indexOf(parameter);
      if (index >= 0) slot.shared.push({ index, coefficient });
      else slot.rows.push({ index: rows.indexOf(parameter), coefficient });
    }
    slots.push(slot);
    return { item, slot: slots.length - 1 };
  };
  const blocks = gatherBlocks(lowerOperations(circuit.operations, circuit)).map((block) => {
    const items = itemsOf(block).map(open);
    return { items, hasSlots: items.some(({ slot }) => slot >= 0) };
  });
  return { n: circuit.qubits, Ps: shared.length, Pr: rows.length, slots, blocks };
}

function itemsOf(block: ReturnType<typeof gatherBlocks>[number]): readonly Item[] {
  switch (block.kind) {
    case "rotation":
      return [...block.angles].map(([qubit, angle]): RotationItem => ({
        kind: "rotation",
        qubit,
        angle,
      }));
    case "diagonal":
    case "permutation":
      return block.items;
    case "matrix":
      return [block.item];
    default:
      return block satisfies never;
  }
}

/** The values of one row. */
export interface RowValues {
  readonly shared: ArrayLike<number>;
  readonly row: ArrayLike<number>;
}

/** How an engine holds its states. */
export interface AdjointOptions extends BackendOptions {
  readonly precision: Precision;
  /** Most bytes. Default and limit: 3 GiB. */
  readonly memoryBytes?: number | undefined;
}

const memoryLimit = 3 * 2 ** 30;

/** Returns the bytes that a gradient over n qubits takes: two states and a work space of half a state. */
export function adjointBytes(n: number, precision: Precision): number {
  return stateVectorBytes(n, precision) * 2.5;
}

/**
 * Creates an engine for circuits of n qubits.
 *
 * Effect: owns a memory until disposed.
 * Errors: resource_exhausted, before anything is allocated, when {@link adjointBytes} exceed the budget.
 */
export function createAdjointEngine(n: number, options: AdjointOptions): AdjointEngine {
  const { precision } = options;
  const bytes = adjointBytes(n, precision);
  const budget = Math.min(options.memoryBytes ?? memoryLimit, memoryLimit);
  if (bytes > budget) {
    const other = precision === "float64" ? " float32 takes half of it," : "";
    throw new QtuneError(
      "resource_exhausted",
      `expected at most ${toMebibytes(budget)} MiB but a gradient over ${n} qubits in ${precision} needs ${toMebibytes(bytes)} MiB;` +
        `${other} fewer qubits help`,
      { where: "circuit.qubits", details: { qubits: n, bytes, budget } },
    );
  }
  return new AdjointEngine(n, options);
}

function toMebibytes(bytes: number): string {
  return (bytes / 2 ** 20).toLocaleString("en-US", { maximumFractionDigits: 0 });
}

/** Strings that flip the same bits, with the same power of i up to a sign. */
interface StringGroup {
  readonly xMask: number;
  readonly isOdd: boolean;
  readonly strings: { readonly k: number; readonly zMask: number; readonly coefficient: number }[];
}

/** Gradients on one state vector. Made by {@link createAdjointEngine}. */
export class AdjointEngine implements AsyncDisposable {
  readonly #n: number;
  readonly #precision: Precision;
  readonly #state: StateVectorEngine;
  readonly #products = new WeakMap<OpenBlock, readonly RotationProducts[]>();

  constructor(n: number, { precision, ...backend }: AdjointOptions) {
    this.#n = Math.max(n, 2);
    this.#precision = precision;
    this.#state = createStateVector(this.#n + 1, {
      ...backend,
      precision,
      memoryBytes: undefined, // checked before
      workBytes: 2 ** this.#n * bytesOf(precision),
    });
  }

  /**
   * Pulls a cotangent [K] back to the values of one row.
   *
   * Shapes: shared [Ps], row [Pr].
   * Cost:   a run, then a sweep back that passes over both states once or twice per block of gates that commute.
   * Errors: cancelled.
   */
  async pullBack(
    plan: AdjointPlan,
    observables: readonly Observable[],
    cotangent: ArrayLike<number>,
    values: RowValues,
    options: Abortable = {},
  ): Promise<{ readonly shared: Float64Array; readonly row: Float64Array }> {
    const angles = anglesOf(plan, values);
    const slopes = new Float64Array(plan.slots.length);
    const earliest = plan.blocks.findIndex(({ hasSlots }) => hasSlots);
    if (earliest >= 0) {
      await this.#forward(plan, angles, options);
      this.#fold(observables, cotangent);
      await this.#backward(plan, angles, earliest, slopes, options);
    }
    const shared = new Float64Array(plan.Ps);
    const row = new Float64Array(plan.Pr);
    for (const [slot, { shared: own, rows }] of plan.slots.entries()) {
      for (const { index, coefficient } of own) shared[index]! += coefficient * slopes[slot]!; // a slot each
      for (const { index, coefficient } of rows) row[index]! += coefficient * slopes[slot]!;
    }
    return { shared, row };
  }

  async #forward(plan: AdjointPlan, angles: Float64Array, options: Abortable): Promise<void> {
    this.#state.reset();
    const items = plan.blocks.flatMap(({ items: own }) => own.map((one) => bind(one, angles)));
    await this.#state.apply(items, options);
  }

  /** λ = Σ g_k O_k ψ, in the upper half. */
  #fold(observables: readonly Observable[], cotangent: ArrayLike<number>): void {
    const size = 2 ** this.#n;
    const { re, im } = this.#state.planes();
    const table = this.#state.work(size);
    const [lambdaRe, lambdaIm] = [re.subarray(size, 2 * size), im.subarray(size, 2 * size)];
    for (const { xMask, isOdd, strings } of groupStrings(observables)) {
      const terms = new Map<number, number>();
      for (const { k, zMask, coefficient } of strings)
        terms.set(zMask, (terms.get(zMask) ?? 0) + coefficient * cotangent[k]!); // k < K
      writeWalshInPlace(table, terms);
      for (let x = 0; x < size; x++) {
        const y = x ^ xMask;
        const factor = table[x]!; // inside, as all below
        lambdaRe[y]! += isOdd ? -factor * im[x]! : factor * re[x]!;
        lambdaIm[y]! += isOdd ? factor * re[x]! : factor * im[x]!;
      }
    }
  }

  async #backward(
    plan: AdjointPlan,
    angles: Float64Array,
    earliest: number,
    slopes: Float64Array,
    options: Abortable,
  ): Promise<void> {
    let undone: Item[] = [];
    for (let index = plan.blocks.length - 1; index >= earliest; index--) {
      const block = plan.blocks[index];
      if (block === undefined) throw internalError("a block is missing");
      if (block.hasSlots) {
        if (undone.length > 0) await this.#state.apply(undone, options);
        undone = [];
        await this.#writeSlopes(block, slopes, options);
      }
      for (const one of [...block.items].reverse()) undone.push(invertItem(bind(one, angles)));
    }
  }

  /** The slopes of a block, whose items commute: ψ and λ stand behind all of them. */
  async #writeSlopes(block: OpenBlock, slopes: Float64Array, options: Abortable): Promise<void> {
    const open = block.items.filter(({ slot }) => slot >= 0);
    const diagonals = open.flatMap(({ item, slot }) =>
      item.kind === "diagonal" ? [{ item, slot }] : [],
    );
    if (diagonals.length > 0) await this.#writeDiagonalSlopes(diagonals, slopes, options);
    const slotOf = new Map(
      open.flatMap(({ item, slot }) =>
        item.kind === "rotation" ? [[item.qubit, slot] as const] : [],
      ),
    );
    if (slotOf.size === 0) return;
    const planeBytes = this.#state.planes().re.byteLength;
    const products =
      this.#products.get(block) ??
      writeRotationProducts([...slotOf.keys()], this.#n, this.#precision, planeBytes);
    this.#products.set(block, products);
    for (const { reading, sums, width } of products) {
      const numbers = await this.#state.read(reading, options);
      const perTile = numbers.length / reading.tiles;
      for (const { qubit, at } of sums) {
        let sum = 0;
        for (let start = at; start < numbers.length; start += perTile)
          for (let i = 0; i < width; i++) sum += numbers[start + i]!; // inside
        slopes[slotOf.get(qubit) ?? -1] = sum;
      }
    }
  }

  /** 2 Σ_x g(x) Im(conj λ ψ), all generators at a time by the Z strings that they consist of. */
  async #writeDiagonalSlopes(
    diagonals: readonly { readonly item: DiagonalItem; readonly slot: number }[],
    slopes: Float64Array,
    options: Abortable,
  ): Promise<void> {
    const size = 2 ** this.#n;
    const bytes = size * bytesOf(this.#precision);
    const chunkBytes = Math.min(bytes, 65536);
    await this.#state.read(
      {
        calls: [
          {
            kernel: "imaginaryProduct",
            arguments: {
              psi: place(passRegisters.chunk, 0),
              lambda: place(passRegisters.chunk, bytes),
              dst: place(passRegisters.work, 0),
              plane: this.#state.planes().re.byteLength,
              amps: chunkBytes / 16,
              rowBytes: 16,
              parts: 2,
            },
          },
        ],
        tables: new Uint8Array(16),
        tiles: bytes / chunkBytes,
        scratchBytes: 0,
        outBytes: 0,
        chunkBytes,
      },
      options,
    );
    const strings = diagonals.flatMap(({ item, slot }) =>
      zStrings(item).map((string) => ({ ...string, slot })),
    );
    const sums = walshSumsInPlace(
      this.#state.work(size),
      strings.map(({ mask }) => mask),
    );
    for (const [i, { slot, coefficient }] of strings.entries())
      slopes[slot]! += 2 * coefficient * sums[i]!; // a sum each
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#state[Symbol.asyncDispose]();
  }
}

/** A generator as a sum of Z strings. */
function zStrings({
  qubits,
  generator,
}: DiagonalItem): readonly { readonly mask: number; readonly coefficient: number }[] {
  const sums = Float64Array.from(generator);
  const coefficients = walshSumsOfAll(sums);
  return [...coefficients].flatMap((sum, local) => {
    if (Math.abs(sum) < 1e-14) return [];
    const mask = qubits.reduce((bits, qubit, j) => bits + ((local >>> j) & 1) * 2 ** qubit, 0);
    return [{ mask, coefficient: sum / generator.length }];
  });
}

function walshSumsOfAll(values: Float64Array): Float64Array {
  return walshSumsInPlace(
    values,
    Array.from(values, (_, mask) => mask),
  );
}

/** Angles of all slots. */
function anglesOf(plan: AdjointPlan, { shared, row }: RowValues): Float64Array {
  return Float64Array.from(plan.slots, (slot) => {
    let angle = slot.constant;
    for (const { index, coefficient } of slot.shared) angle += coefficient * shared[index]!; // checked at the door
    for (const { index, coefficient } of slot.rows) angle += coefficient * row[index]!;
    return angle;
  });
}

function bind({ item, slot }: OpenItem, angles: Float64Array): Item {
  if (slot < 0 || !("angle" in item)) return item;
  return { ...item, angle: angles[slot]! }; // a slot of the plan
}

function groupStrings(observables: readonly Observable[]): readonly StringGroup[] {
  const groups = new Map<string, StringGroup>();
  for (const [k, { terms }] of observables.entries()) {
    for (const term of terms) {
      const { coefficient, xMask, zMask, phase } = toMasks(term);
      const isOdd = phase % 2 === 1;
      const key = `${xMask} ${isOdd}`;
      const group = groups.get(key) ?? { xMask, isOdd, strings: [] };
      groups.set(key, group);
      group.strings.push({ k, zMask, coefficient: phase >= 2 ? -coefficient : coefficient });
    }
  }
  return [...groups.values()];
}
