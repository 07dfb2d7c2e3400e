/**
 * The plan of a circuit: what a batch of it computes, from its structure alone. Angles that depend on parameters have
 * slots; a slot belongs to one rotation or one diagonal generator, and gradients come out per slot.
 */
import { QtuneError } from "@qtune/base";
import {
  type AffineAngle,
  type Angle,
  type Circuit,
  type Operation,
  assertCircuit,
  isBoundAngle,
  parameterNames,
} from "@qtune/circuit";
import { type Block, gatherBlocks } from "./block.ts";
import { lowerOperations } from "./lower.ts";

/** An angle that depends on parameters. Terms name positions in the shared or row values. */
export interface Slot {
  readonly constant: number;
  readonly shared: readonly { readonly index: number; readonly coefficient: number }[];
  readonly rows: readonly { readonly index: number; readonly coefficient: number }[];
}

/** An angle of a block: a number, or the number of a slot. */
export type PlannedAngle = { readonly value: number } | { readonly slot: number };

/** A block with its angles resolved; generators and tables cover the whole index [2^n]. */
export type PlannedBlock =
  | {
      readonly kind: "rotation";
      readonly angles: readonly { readonly qubit: number; readonly angle: PlannedAngle }[];
    }
  | {
      readonly kind: "diagonal";
      /** Phases of the bound part. */
      readonly fixed: Float64Array | undefined;
      /** Generators with slots, whose numbers are consecutive. */
      readonly generators: readonly { readonly slot: number; readonly values: Float64Array }[];
    }
  | {
      readonly kind: "matrix";
      readonly qubits: readonly number[];
      readonly re: Float64Array;
      readonly im: Float64Array;
      readonly controlMask: number;
      readonly controlValue: number;
    }
  | { readonly kind: "permutation"; readonly sources: Uint32Array };

/** A compiled structure. */
export interface Plan {
  readonly n: number;
  readonly Ps: number;
  readonly Pr: number;
  readonly blocks: readonly PlannedBlock[];
  readonly slots: readonly Slot[];
  /** Final measurements: classical bit to qubit; empty when all qubits are read as they are. */
  readonly measured: readonly { readonly qubit: number; readonly clbit: number }[];
  readonly clbits: number;
}

/** Most qubits of the batched engine: its tables hold 2^n entries per generator. */
export const maxBatchedQubits = 14;

/**
 * Compiles a circuit for the batched engine.
 *
 * Effect: pure.
 * Errors: invalid_argument for a circuit that is not sound; unimplemented where measurements are not final or control
 *         flow is left; out_of_range beyond 14 qubits.
 */
export function compilePlan(circuit: Circuit): Plan {
  assertCircuit(circuit);
  if (circuit.qubits > maxBatchedQubits) {
    throw new QtuneError(
      "out_of_range",
      `the batched engine takes at most ${maxBatchedQubits} qubits but was given ${circuit.qubits}`,
      {
        where: "circuit.qubits",
      },
    );
  }
  const { unitary, measured } = splitMeasurements(circuit);
  const blocks = gatherBlocks(lowerOperations(unitary, circuit));
  const compiler = new PlanCompiler(circuit);
  return {
    n: circuit.qubits,
    Ps: parameterNames(circuit, "shared").length,
    Pr: parameterNames(circuit, "row").length,
    blocks: blocks.map((block) => compiler.planBlock(block)),
    slots: compiler.slots,
    measured,
    clbits: circuit.clbits,
  };
}

/** Tells whether the batched engine takes a circuit: few qubits, and measurements at the end only. */
export function canBatch(circuit: Circuit): boolean {
  if (circuit.qubits > maxBatchedQubits) return false;
  const read = new Set<number>();
  for (const operation of circuit.operations) {
    if (operation.kind === "measure") read.add(operation.qubit);
    else if (operation.kind !== "barrier" && !isFinalSafe(operation, read)) return false;
  }
  return true;
}

/** Takes final measurements off a circuit. Errors: unimplemented when something follows on a measured qubit. */
export function splitMeasurements(circuit: Circuit): {
  readonly unitary: readonly Operation[];
  readonly measured: Plan["measured"];
} {
  const unitary: Operation[] = [];
  const measured = new Map<number, number>();
  const read = new Set<number>();
  for (const [index, operation] of circuit.operations.entries()) {
    if (operation.kind === "measure") {
      measured.set(operation.clbit, operation.qubit);
      read.add(operation.qubit);
      continue;
    }
    if (operation.kind === "barrier") continue;
    if (!isFinalSafe(operation, read)) {
      throw new QtuneError(
        "unimplemented",
        `expected measurements at the end but was given ${operation.kind} after or beside one`,
        {
          where: `circuit.operations[${index}]`,
        },
      );
    }
    unitary.push(operation);
  }
  return { unitary, measured: [...measured].map(([clbit, qubit]) => ({ qubit, clbit })) };
}

function isFinalSafe(operation: Operation, read: ReadonlySet<number>): boolean {
  switch (operation.kind) {
    case "gate":
    case "unitary":
      return [...operation.qubits, ...(operation.controls ?? []).map((one) => one.qubit)].every(
        (qubit) => !read.has(qubit),
      );
    case "phase":
      return (operation.controls ?? []).every((one) => !read.has(one.qubit));
    case "delay":
      return true;
    default:
      return false;
  }
}

/** Gives slots to the angles of blocks. */
class PlanCompiler {
  readonly slots: Slot[] = [];
  readonly #n: number;
  readonly #shared: ReadonlyMap<string, number>;
  readonly #rows: ReadonlyMap<string, number>;

  constructor(circuit: Circuit) {
    this.#n = circuit.qubits;
    const indexOf = (role: "shared" | "row") =>
      new Map(parameterNames(circuit, role).map((name, index) => [name, index]));
    this.#shared = indexOf("shared");
    this.#rows = indexOf("row");
  }

  planBlock(block: Block): PlannedBlock {
    switch (block.kind) {
      case "rotation":
        return {
          kind: "rotation",
          angles: [...block.angles]
            .sort(([a], [b]) => a - b)
            .map(([qubit, angle]) => ({ qubit, angle: this.#planAngle(angle) })),
        };
      case "diagonal":
        return this.#planDiagonal(block);
      case "matrix": {
        const { qubits, matrix, controls } = block.item;
        const mask = controls.reduce((sum, control) => sum + 2 ** control.qubit, 0);
        const value = controls.reduce(
          (sum, control) => sum + control.value * 2 ** control.qubit,
          0,
        );
        return {
          kind: "matrix",
          qubits,
          re: matrix.re,
          im: matrix.im,
          controlMask: mask,
          controlValue: value,
        };
      }
      case "permutation":
        return { kind: "permutation", sources: sourcesOf(block, this.#n) };
      default:
        return block satisfies never;
    }
  }

  #planAngle(angle: Angle): PlannedAngle {
    return isBoundAngle(angle) ? { value: angle } : { slot: this.#addSlot(angle) };
  }

  #addSlot(angle: AffineAngle): number {
    const shared = [];
    const rows = [];
    for (const { parameter, coefficient } of angle.terms) {
      const index = this.#shared.get(parameter);
      if (index !== undefined) shared.push({ index, coefficient });
      else rows.push({ index: this.#rows.get(parameter) ?? 0, coefficient }); // assertCircuit knows every parameter
    }
    this.slots.push({ constant: angle.constant, shared, rows });
    return this.slots.length - 1;
  }

  #planDiagonal(block: Extract<Block, { kind: "diagonal" }>): PlannedBlock {
    const size = 2 ** this.#n;
    let fixed: Float64Array | undefined;
    const generators = [];
    for (const item of block.items) {
      const values = Float64Array.from(
        { length: size },
        (_, x) => item.generator[localIndex(x, item.qubits)] ?? 0,
      );
      if (isBoundAngle(item.angle)) {
        fixed ??= new Float64Array(size);
        for (let x = 0; x < size; x++) fixed[x]! -= item.angle * values[x]!; // both have `size` entries
      } else {
        generators.push({ slot: this.#addSlot(item.angle), values });
      }
    }
    return { kind: "diagonal", fixed, generators };
  }
}

/** The bits of an index at given qubits, first qubit least significant. */
function localIndex(index: number, qubits: readonly number[]): number {
  return qubits.reduce((sum, qubit, bit) => sum + ((index >>> qubit) & 1) * 2 ** bit, 0);
}

/** sources[x] is the index whose amplitude arrives at x. */
function sourcesOf(block: Extract<Block, { kind: "permutation" }>, n: number): Uint32Array {
  const size = 2 ** n;
  let sources = Uint32Array.from({ length: size }, (_, x) => x);
  for (const { qubits, images, controls } of block.items) {
    const next = sources.slice();
    for (let x = 0; x < size; x++) {
      if (controls.some((control) => ((x >>> control.qubit) & 1) !== control.value)) continue;
      const image = images[localIndex(x, qubits)] ?? 0;
      const to = qubits.reduce(
        (index, qubit, bit) => (index & ~(1 << qubit)) | (((image >>> bit) & 1) << qubit),
        x,
      );
      next[to] = sources[x]!; // x < size
    }
    sources = next;
  }
  return sources;
}
