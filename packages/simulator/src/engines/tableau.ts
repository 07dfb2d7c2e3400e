/**
 * Stabilizer states: 2n Pauli rows, destabilizers then stabilizers, as bits (Aaronson and Gottesman, "Improved simulation
 * of stabilizer circuits", quant-ph/0406196). Gates are tables of what conjugation does to local Pauli strings, so any
 * Clifford unitary of up to three qubits is taken, whatever its name.
 */
import { type Abortable, QtuneError, type Random, throwIfAborted } from "@qtune/base";
import type { Item } from "../plan/item.ts";
import { type CliffordTable, cliffordTable } from "./clifford-table.ts";
import type { Engine } from "./engine.ts";
import { fuseItems } from "./fuse.ts";

/** A gate that a tableau takes. */
export interface CliffordGate {
  readonly qubits: readonly number[];
  readonly table: CliffordTable;
}

const known = new WeakMap<Item, CliffordGate | null>();

/** Returns an item as a Clifford gate, or undefined when it is none. */
export function toClifford(item: Item): CliffordGate | undefined {
  const found = known.get(item);
  if (found !== undefined) return found ?? undefined;
  const gate = findClifford(item);
  known.set(item, gate ?? null);
  return gate;
}

function findClifford(item: Item): CliffordGate | undefined {
  const [group] = fuseItems([item], 3);
  if (group === undefined) return undefined;
  if (group.kind === "phase") {
    if (group.qubits.length > 3) return undefined;
    const size = group.phases.length;
    const re = new Float64Array(size * size);
    const im = new Float64Array(size * size);
    group.phases.forEach((phase, x) => {
      re[x * size + x] = Math.cos(phase);
      im[x * size + x] = Math.sin(phase);
    });
    const table = cliffordTable({ size, re, im });
    return table === undefined ? undefined : { qubits: group.qubits, table };
  }
  if (group.controls.length > 0) {
    const qubits = [...group.qubits, ...group.controls.map(({ qubit }) => qubit)];
    if (qubits.length > 3) return undefined;
    const wanted = group.controls.reduce((sum, { value }, i) => sum + value * 2 ** i, 0);
    const inner = group.matrix.size;
    const size = inner * 2 ** group.controls.length;
    const re = new Float64Array(size * size);
    const im = new Float64Array(size * size);
    for (let row = 0; row < size; row++) {
      if (Math.floor(row / inner) !== wanted) re[row * size + row] = 1;
      else {
        for (let column = 0; column < inner; column++) {
          re[row * size + wanted * inner + column] =
            group.matrix.re[(row % inner) * inner + column]!; // inside
          im[row * size + wanted * inner + column] =
            group.matrix.im[(row % inner) * inner + column]!;
        }
      }
    }
    const table = cliffordTable({ size, re, im });
    return table === undefined ? undefined : { qubits, table };
  }
  const table = cliffordTable(group.matrix);
  return table === undefined ? undefined : { qubits: group.qubits, table };
}

/** Creates |0…0⟩ of n qubits. Cost: n² bits; a gate costs n, a measurement n². */
export function createTableau(n: number): Tableau {
  return new Tableau(n);
}

interface Saved {
  readonly x: Uint32Array;
  readonly z: Uint32Array;
  readonly sign: Uint8Array;
}

/** A stabilizer state. Made by {@link createTableau}. */
export class Tableau implements Engine {
  readonly #n: number;
  readonly #words: number;
  /** Bits of rows 0 … 2n (the last is scratch): destabilizers, then stabilizers. */
  readonly #x: Uint32Array;
  readonly #z: Uint32Array;
  readonly #sign: Uint8Array;

  constructor(n: number) {
    this.#n = n;
    this.#words = Math.max(1, Math.ceil(n / 32));
    this.#x = new Uint32Array((2 * n + 1) * this.#words);
    this.#z = new Uint32Array((2 * n + 1) * this.#words);
    this.#sign = new Uint8Array(2 * n + 1);
    for (let i = 0; i < n; i++) {
      this.#x[i * this.#words + (i >>> 5)]! |= 1 << (i & 31); // inside
      this.#z[(n + i) * this.#words + (i >>> 5)]! |= 1 << (i & 31);
    }
  }

  async apply(items: readonly Item[], options: Abortable = {}): Promise<void> {
    throwIfAborted(options.signal);
    for (const item of items) {
      const gate = toClifford(item);
      if (gate === undefined)
        throw new QtuneError("invalid_argument", "expected Clifford gates only", {
          where: "circuit.operations",
        });
      this.applyClifford(gate);
    }
  }

  /** Conjugates every row. */
  applyClifford({ qubits, table }: CliffordGate): void {
    for (let row = 0; row < 2 * this.#n; row++) {
      let index = 0;
      for (let j = qubits.length - 1; j >= 0; j--) index = 4 * index + this.#pauli(row, qubits[j]!); // j < length
      if (index === 0) continue;
      if (table.sign[index] === -1) this.#sign[row]! ^= 1;
      let image = table.image[index]!; // index < 4^k
      for (const qubit of qubits) {
        this.#setPauli(row, qubit, image % 4);
        image = Math.floor(image / 4);
      }
    }
  }

  /** 0 I, 1 X, 2 Y, 3 Z. */
  #pauli(row: number, qubit: number): number {
    const at = row * this.#words + (qubit >>> 5);
    const x = (this.#x[at]! >>> (qubit & 31)) & 1; // inside
    const z = (this.#z[at]! >>> (qubit & 31)) & 1;
    return x === 1 ? 1 + z : 3 * z;
  }

  #setPauli(row: number, qubit: number, pauli: number): void {
    const at = row * this.#words + (qubit >>> 5);
    const bit = 1 << (qubit & 31);
    this.#x[at] = pauli === 1 || pauli === 2 ? this.#x[at]! | bit : this.#x[at]! & ~bit;
    this.#z[at] = pauli >= 2 ? this.#z[at]! | bit : this.#z[at]! & ~bit;
  }

  /** Row `to` becomes row `from` times row `to`. */
  #multiply(to: number, from: number): void {
    // The power of i collected by the product, from the count of anticommuting places with their order.
    let phase = 2 * (this.#sign[to]! + this.#sign[from]!); // inside
    for (let word = 0; word < this.#words; word++) {
      const a = from * this.#words + word;
      const b = to * this.#words + word;
      const [x1, z1, x2, z2] = [this.#x[a]!, this.#z[a]!, this.#x[b]!, this.#z[b]!];
      const plus = (x1 & ~z1 & x2 & z2) | (x1 & z1 & ~x2 & z2) | (~x1 & z1 & x2 & ~z2);
      const minus = (x1 & ~z1 & ~x2 & z2) | (x1 & z1 & x2 & ~z2) | (~x1 & z1 & x2 & z2);
      phase += countBits(plus) - countBits(minus);
      this.#x[b] = x1 ^ x2;
      this.#z[b] = z1 ^ z2;
    }
    this.#sign[to] = ((phase % 4) + 4) % 4 === 2 ? 1 : 0;
  }

  #hasX(row: number, qubit: number): boolean {
    return ((this.#x[row * this.#words + (qubit >>> 5)]! >>> (qubit & 31)) & 1) === 1; // inside
  }

  #copyRow(to: number, from: number): void {
    const words = this.#words;
    this.#x.copyWithin(to * words, from * words, (from + 1) * words);
    this.#z.copyWithin(to * words, from * words, (from + 1) * words);
    this.#sign[to] = this.#sign[from]!; // inside
  }

  #clearRow(row: number): void {
    this.#x.fill(0, row * this.#words, (row + 1) * this.#words);
    this.#z.fill(0, row * this.#words, (row + 1) * this.#words);
    this.#sign[row] = 0;
  }

  #randomRow(qubit: number): number {
    for (let row = this.#n; row < 2 * this.#n; row++) if (this.#hasX(row, qubit)) return row;
    return -1;
  }

  weights(qubit: number): { readonly one: number; readonly total: number } {
    if (this.#randomRow(qubit) >= 0) return { one: 0.5, total: 1 };
    const scratch = 2 * this.#n;
    this.#clearRow(scratch);
    for (let row = 0; row < this.#n; row++)
      if (this.#hasX(row, qubit)) this.#multiply(scratch, row + this.#n);
    return { one: this.#sign[scratch]!, total: 1 }; // inside
  }

  projectInPlace(qubit: number, value: 0 | 1, _factor: number, flip: boolean): void {
    const random = this.#randomRow(qubit);
    if (random >= 0) {
      for (let row = 0; row < 2 * this.#n; row++)
        if (row !== random && this.#hasX(row, qubit)) this.#multiply(row, random);
      this.#copyRow(random - this.#n, random);
      this.#clearRow(random);
      this.#setPauli(random, qubit, 3);
      this.#sign[random] = value;
    }
    if (!flip) return;
    // X on the qubit turns the sign of every row that holds Z there.
    for (let row = 0; row < 2 * this.#n; row++)
      if (this.#pauli(row, qubit) >= 2) this.#sign[row]! ^= 1;
  }

  /**
   * Measures every qubit, choosing 0 where the outcome is random. Effect: the state is left collapsed. Shapes: result [n].
   */
  collapse(): Uint8Array {
    return Uint8Array.from({ length: this.#n }, (_, qubit) => {
      const value = this.weights(qubit).one === 1 ? 1 : 0;
      this.projectInPlace(qubit, value, 1, false);
      return value;
    });
  }

  /**
   * Draws basis states: the outcomes of a stabilizer state are equally likely and make up one of them plus all sums of
   * the X parts of the stabilizers.
   *
   * Effect: advances `random`; the state is not changed.
   * Cost:   n³ bits once, n² bits per shot.
   */
  async sampleBits(shots: number, random: Random, options: Abortable = {}): Promise<Uint8Array> {
    throwIfAborted(options.signal);
    const saved = this.save();
    const reference = this.collapse();
    this.restore(saved);
    const basis = this.#flipBasis();
    const bits = new Uint8Array(shots * this.#n);
    for (let shot = 0; shot < shots; shot++) {
      const flips = new Uint32Array(this.#words);
      let draw = 0;
      for (let i = 0; i < basis.length; i++) {
        if (i % 32 === 0) draw = random.nextUint32();
        if (((draw >>> (i % 32)) & 1) === 0) continue;
        for (let word = 0; word < flips.length; word++) flips[word]! ^= basis[i]![word]!; // as many words
      }
      for (let qubit = 0; qubit < this.#n; qubit++)
        bits[shot * this.#n + qubit] =
          reference[qubit]! ^ ((flips[qubit >>> 5]! >>> (qubit & 31)) & 1); // inside
    }
    return bits;
  }

  /** Independent X parts of the stabilizers, by elimination. */
  #flipBasis(): readonly Uint32Array[] {
    const words = this.#words;
    const rows = Array.from({ length: this.#n }, (_, row) =>
      this.#x.slice((this.#n + row) * words, (this.#n + row + 1) * words),
    );
    const basis: Uint32Array[] = [];
    for (let qubit = 0; qubit < this.#n; qubit++) {
      const has = (row: Uint32Array): boolean => ((row[qubit >>> 5]! >>> (qubit & 31)) & 1) === 1; // inside
      const at = rows.findIndex(has);
      if (at < 0) continue;
      const [pivot] = rows.splice(at, 1);
      if (pivot === undefined) continue;
      basis.push(pivot);
      for (const row of rows)
        if (has(row)) for (let word = 0; word < words; word++) row[word]! ^= pivot[word]!; // as many words
    }
    return basis;
  }

  save(): Saved {
    return { x: this.#x.slice(), z: this.#z.slice(), sign: this.#sign.slice() };
  }

  restore(saved: unknown): void {
    const { x, z, sign } = saved as Saved; // made by save
    this.#x.set(x);
    this.#z.set(z);
    this.#sign.set(sign);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing but arrays is held.
  }
}

function countBits(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return (((bits + (bits >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}
