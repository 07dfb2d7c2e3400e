/**
 * Writes the kernel program of a plan: forward, and for gradients the adjoint sweep (Jones and Gacon, arXiv 2009.02823)
 * with the cotangent folded into the observables. One tile is W rows; the program is the same for every tile.
 *
 * ψ is kept at as few boundaries between blocks as gradients need: a rotation block can be differentiated before or
 * after it acts, and so can a diagonal one, so neighbours share a boundary. Nothing is recomputed.
 */
import { internalError } from "@qtune/base";
import { type KernelCall, type KernelName, type Precision, bytesOf, place } from "@qtune/kernels";
import type { Plan, PlannedAngle, PlannedBlock } from "../plan/plan.ts";
import { Area } from "./area.ts";
import type { ObservableTable } from "./observable-table.ts";

/** The registers of a tile program. */
export const tileRegisters = {
  scratch: 1,
  /** Tables of the structure. */
  fixed: 2,
  /** What is computed from the shared values. */
  bound: 3,
  rows: 4,
  cotangent: 5,
  expectations: 6,
  probabilities: 7,
  rowGradients: 8,
  sharedGradients: 9,
} as const;

/** What a program computes. */
export interface TileOptions {
  readonly precision: Precision;
  /** Rows per tile, a power of two of at least 4. */
  readonly W: number;
  readonly gradient: boolean;
  readonly probabilities: boolean;
}

/** A table that does not depend on values, and where it belongs. */
export interface FixedTable {
  readonly offset: number;
  readonly type: "amplitude" | "int32" | "uint32" | "float64";
  readonly values: ArrayLike<number>;
}

/** A value to be computed from the shared values before a run. */
export type BoundEntry =
  /** cos and sin of half the angle, each filling a vector. */
  | { readonly kind: "rotation"; readonly offset: number; readonly angle: PlannedAngle }
  /** e^{−iΣθg} of a diagonal block, (re, im) per amplitude. */
  | {
      readonly kind: "phases";
      readonly offset: number;
      readonly block: Extract<PlannedBlock, { kind: "diagonal" }>;
    };

/** An angle that is computed per row: factor times a slot. */
export interface RowAngle {
  readonly slot: number;
  readonly factor: number;
}

/** A program and everything it needs to be placed in memory. */
export interface TileProgram {
  readonly calls: readonly KernelCall[];
  readonly fixedBytes: number;
  readonly fixedTables: readonly FixedTable[];
  readonly boundBytes: number;
  readonly bound: readonly BoundEntry[];
  /** Where the table of row angles stands in the bound area. */
  readonly angleTable: number;
  readonly rowAngles: readonly RowAngle[];
  readonly scratchBytes: number;
  /** Amplitudes touched per tile, a measure of its time. */
  readonly work: number;
}

/** Writes the program of a plan. Effect: pure. */
export function writeTileProgram(
  plan: Plan,
  observables: ObservableTable,
  options: TileOptions,
): TileProgram {
  return new TileWriter(plan, observables, options).write();
}

/** ψ or λ: where it lies and whether its imaginary plane is known to be zero and was not written. */
interface State {
  readonly at: number;
  readonly isReal: boolean;
}

class TileWriter {
  readonly #plan: Plan;
  readonly #observables: ObservableTable;
  readonly #options: TileOptions;
  readonly #calls: KernelCall[] = [];
  readonly #fixed = new Area();
  readonly #tables: FixedTable[] = [];
  readonly #boundArea = new Area();
  readonly #bound: BoundEntry[] = [];
  readonly #scratch = new Area();
  readonly #rowAngles: RowAngle[] = [];
  readonly #angleTable: number;
  readonly #coefficients: number;
  readonly #amps: number;
  readonly #rowBytes: number;
  readonly #plane: number;
  readonly #prepared = new Map<PlannedBlock, PreparedBlock>();
  #work = 0;

  constructor(plan: Plan, observables: ObservableTable, options: TileOptions) {
    this.#plan = plan;
    this.#observables = observables;
    this.#options = options;
    this.#amps = 2 ** plan.n;
    this.#rowBytes = options.W * bytesOf(options.precision);
    this.#plane = this.#amps * this.#rowBytes;
    for (const block of plan.blocks) this.#prepareRowAngles(block);
    const terms = this.#rowAngles.reduce(
      (sum, { slot }) => sum + 2 + 2 * (plan.slots[slot]?.rows.length ?? 0),
      0,
    );
    this.#angleTable = this.#boundArea.take(8 * terms);
    this.#coefficients = this.#scratch.take(2 * this.#rowBytes * this.#rowAngles.length);
  }

  write(): TileProgram {
    this.#writeAngles();
    const kept = this.#options.gradient ? this.#chooseBoundaries() : new Set<number>();
    const states = this.#writeForward(kept);
    const final = states.get(this.#plan.blocks.length);
    if (final === undefined) throw internalError("the program has no final state");
    this.#writeExpectations(final);
    if (this.#options.gradient) this.#writeBackward(states, final);
    return {
      calls: this.#calls,
      fixedBytes: this.#fixed.bytes,
      fixedTables: this.#tables,
      boundBytes: this.#boundArea.bytes,
      bound: this.#bound,
      angleTable: this.#angleTable,
      rowAngles: this.#rowAngles,
      scratchBytes: this.#scratch.bytes,
      work: this.#work * this.#amps * this.#options.W,
    };
  }

  // ---- angles ----------------------------------------------------------------------------------------------------

  #isRowSlot(angle: PlannedAngle): angle is { readonly slot: number } {
    return "slot" in angle && (this.#plan.slots[angle.slot]?.rows.length ?? 0) > 0;
  }

  /** Notes which angles are computed per row and which from shared values. */
  #prepareRowAngles(block: PlannedBlock): void {
    const prepared: PreparedBlock = { rowAngle: new Map(), phases: undefined, rowPhases: [] };
    this.#prepared.set(block, prepared);
    if (block.kind === "rotation") {
      for (const { qubit, angle } of block.angles) {
        if (this.#isRowSlot(angle))
          prepared.rowAngle.set(qubit, this.#addRowAngle(angle.slot, 0.5));
      }
    } else if (block.kind === "diagonal") {
      const shared = block.generators.filter(({ slot }) => !this.#isRowSlot({ slot }));
      if (block.fixed !== undefined || shared.length > 0) {
        const offset = this.#boundArea.take(2 * this.#amps * bytesOf(this.#options.precision));
        this.#bound.push({ kind: "phases", offset, block: { ...block, generators: shared } });
        prepared.phases = offset;
      }
      for (const { slot, values } of block.generators) {
        if (this.#isRowSlot({ slot })) this.#prepareRowPhase(prepared, slot, values);
      }
    }
  }

  #prepareRowPhase(prepared: PreparedBlock, slot: number, values: Float64Array): void {
    const sizes = [...new Set(values.map(Math.abs))].filter((size) => size > 0);
    for (const size of sizes) {
      const signs = Int32Array.from(values, (g) => (Math.abs(g) === size ? Math.sign(g) : 0));
      prepared.rowPhases.push({
        angle: this.#addRowAngle(slot, size),
        signs: this.#addTable("int32", signs),
      });
    }
  }

  #addRowAngle(slot: number, factor: number): number {
    this.#rowAngles.push({ slot, factor });
    return this.#rowAngles.length - 1;
  }

  #addTable(type: FixedTable["type"], values: ArrayLike<number>): number {
    const elementBytes =
      type === "amplitude" ? bytesOf(this.#options.precision) : type === "float64" ? 8 : 4;
    const offset = this.#fixed.take(values.length * elementBytes);
    this.#tables.push({ offset, type, values });
    return offset;
  }

  #writeAngles(): void {
    const { W } = this.#options;
    const count = this.#rowAngles.length;
    if (count === 0) return;
    const angles = this.#scratch.take(8 * W * count);
    this.#call("evaluateAngles", 0, {
      rows: place(tileRegisters.rows, 0),
      width: this.#plan.Pr,
      W,
      table: place(tileRegisters.bound, this.#angleTable),
      count,
      out: place(1, angles),
    });
    this.#call("cosSin", 0, {
      angles: place(1, angles),
      blocks: count,
      W,
      out: place(1, this.#coefficients),
    });
  }

  // ---- forward ---------------------------------------------------------------------------------------------------

  /** The boundaries whose ψ the gradient needs; boundary i lies before block i. */
  #chooseBoundaries(): Set<number> {
    const kept = new Set<number>();
    for (const [index, block] of this.#plan.blocks.entries()) {
      if (hasGradient(block) && !kept.has(index)) kept.add(index + 1);
    }
    return kept;
  }

  #newState(): number {
    return this.#scratch.take(2 * this.#plane);
  }

  #writeForward(kept: ReadonlySet<number>): Map<number, State> {
    const { blocks } = this.#plan;
    const states = new Map<number, State>();
    let current: State = { at: this.#newState(), isReal: false };
    let spare: number | undefined;
    const [first] = blocks;
    const startsWithRotation = first?.kind === "rotation";
    if (startsWithRotation) {
      this.#writeProduct(first, current.at);
      current = { ...current, isReal: true };
    } else {
      this.#call("prepareZero", 1, {
        dst: place(1, current.at),
        plane: this.#plane,
        amps: this.#amps,
        rowBytes: this.#rowBytes,
      });
    }
    for (let index = startsWithRotation ? 1 : 0; index < blocks.length; index++) {
      const block = blocks[index];
      if (block === undefined) throw internalError("a block is missing");
      const isKept = kept.has(index);
      if (isKept) states.set(index, current);
      const outOfPlace = isKept || block.kind === "permutation";
      const to = outOfPlace ? (spare ?? this.#newState()) : current.at;
      if (outOfPlace) spare = isKept ? undefined : current.at;
      current = this.#writeBlock(block, current, to, false);
    }
    if (current.isReal) current = this.#fillImaginary(current);
    states.set(blocks.length, current);
    return states;
  }

  /** A product of real one-qubit states, doubled up from one amplitude; only the real plane is written. */
  #writeProduct(block: Extract<PlannedBlock, { kind: "rotation" }>, at: number): void {
    this.#call("prepareZero", 0, {
      dst: place(1, at),
      plane: this.#plane,
      amps: 1,
      rowBytes: this.#rowBytes,
    });
    const angles = new Map(block.angles.map(({ qubit, angle }) => [qubit, angle]));
    for (let qubit = 0; qubit < this.#plan.n; qubit++) {
      const { coefficients, step } = this.#rotationCoefficients(
        block,
        qubit,
        angles.get(qubit) ?? { value: 0 },
      );
      this.#call("doubleProduct", 2 ** (qubit - this.#plan.n), {
        dst: place(1, at),
        half: 2 ** qubit,
        rowBytes: this.#rowBytes,
        coefficients,
        step,
      });
    }
  }

  #fillImaginary(state: State): State {
    this.#call("zeroBytes", 0.5, { dst: place(1, state.at + this.#plane), byteCount: this.#plane });
    return { at: state.at, isReal: false };
  }

  #rotationCoefficients(
    block: PlannedBlock,
    qubit: number,
    angle: PlannedAngle,
  ): { coefficients: number; step: number } {
    const rowAngle = this.#prepared.get(block)?.rowAngle.get(qubit);
    if (rowAngle !== undefined) {
      return {
        coefficients: place(1, this.#coefficients + 2 * this.#rowBytes * rowAngle),
        step: 16,
      };
    }
    const known = this.#bound.find((entry) => entry.kind === "rotation" && entry.angle === angle);
    const offset = known?.offset ?? this.#boundArea.take(32);
    if (known === undefined) this.#bound.push({ kind: "rotation", offset, angle });
    return { coefficients: place(tileRegisters.bound, offset), step: 0 };
  }

  /** Applies a block or its inverse from a state to a place, which may be the same. */
  #writeBlock(block: PlannedBlock, from: State, to: number, inverse: boolean): State {
    switch (block.kind) {
      case "diagonal":
        return this.#writeDiagonal(block, from, to, inverse);
      case "rotation":
        return this.#writeRotations(
          block,
          from.isReal ? this.#fillImaginary(from) : from,
          to,
          inverse,
        );
      case "matrix":
        return this.#writeMatrix(
          block,
          from.isReal ? this.#fillImaginary(from) : from,
          to,
          inverse,
        );
      case "permutation":
        return this.#writePermutation(
          block,
          from.isReal ? this.#fillImaginary(from) : from,
          to,
          inverse,
        );
      default:
        return block satisfies never;
    }
  }

  #inOut(from: number, to: number): Record<string, number> {
    return {
      src: place(1, from),
      dst: place(1, to),
      plane: this.#plane,
      amps: this.#amps,
      rowBytes: this.#rowBytes,
    };
  }

  #writeDiagonal(
    block: Extract<PlannedBlock, { kind: "diagonal" }>,
    from: State,
    to: number,
    inverse: boolean,
  ): State {
    const prepared = this.#prepared.get(block);
    let source = from;
    if (prepared?.phases !== undefined) {
      const phases = place(tileRegisters.bound, prepared.phases);
      if (source.isReal)
        this.#call("multiplyDiagonalReal", 1, { ...this.#inOut(source.at, to), phases });
      else
        this.#call("multiplyDiagonal", 1, {
          ...this.#inOut(source.at, to),
          phases,
          conjugate: inverse ? 1 : 0,
        });
      source = { at: to, isReal: false };
    } else if (source.isReal) {
      source = this.#fillImaginary(source);
    }
    for (const { angle, signs } of prepared?.rowPhases ?? []) {
      this.#call("multiplyRowPhase", 1, {
        ...this.#inOut(source.at, to),
        signs: place(tileRegisters.fixed, signs),
        coefficients: place(1, this.#coefficients + 2 * this.#rowBytes * angle),
        inverse: inverse ? 1 : 0,
      });
      source = { at: to, isReal: false };
    }
    return source;
  }

  #writeRotations(
    block: Extract<PlannedBlock, { kind: "rotation" }>,
    from: State,
    to: number,
    inverse: boolean,
  ): State {
    let source = from.at;
    for (const group of groupRotations(block.angles)) {
      const parts = group.map(({ qubit, angle }, index) => {
        const { coefficients, step } = this.#rotationCoefficients(block, qubit, angle);
        return {
          [`qubit${index}`]: qubit,
          [`coefficients${index}`]: coefficients,
          [`step${index}`]: step,
        };
      });
      const kernel = rotateKernels[group.length];
      if (kernel === undefined) throw internalError(`no kernel turns ${group.length} qubits`);
      this.#call(
        kernel,
        group.length,
        Object.assign({ ...this.#inOut(source, to), inverse: inverse ? 1 : 0 }, ...parts),
      );
      source = to;
    }
    return { at: source, isReal: false };
  }

  #writeMatrix(
    block: Extract<PlannedBlock, { kind: "matrix" }>,
    from: State,
    to: number,
    inverse: boolean,
  ): State {
    const { qubits, re, im, controlMask, controlValue } = block;
    const size = 2 ** qubits.length;
    const lanes = 16 / bytesOf(this.#options.precision);
    const values: number[] = [];
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) {
        const at = inverse ? j * size + i : i * size + j;
        for (const part of [re[at] ?? 0, (inverse ? -1 : 1) * (im[at] ?? 0)])
          for (let lane = 0; lane < lanes; lane++) values.push(part);
      }
    }
    const coefficients = place(tileRegisters.fixed, this.#addTable("amplitude", values));
    const [qubit] = qubits;
    if (qubits.length === 1 && controlMask === 0 && qubit !== undefined) {
      this.#call("applyMatrix1", 2, { ...this.#inOut(from.at, to), qubit, coefficients, step: 0 });
      return { at: to, isReal: false };
    }
    this.#call("applyMatrix", size, {
      ...this.#inOut(from.at, to),
      k: qubits.length,
      qubits: place(tileRegisters.fixed, this.#addTable("int32", qubits)),
      controlMask,
      controlValue,
      coefficients,
      step: 0,
      scratch: place(1, this.#scratch.take(32 * size)),
    });
    return { at: to, isReal: false };
  }

  #writePermutation(
    block: Extract<PlannedBlock, { kind: "permutation" }>,
    from: State,
    to: number,
    inverse: boolean,
  ): State {
    const table = inverse ? invertPermutation(block.sources) : block.sources;
    this.#call("permute", 1, {
      ...this.#inOut(from.at, to),
      table: place(tileRegisters.fixed, this.#addTable("uint32", table)),
    });
    return { at: to, isReal: false };
  }

  // ---- observables -----------------------------------------------------------------------------------------------

  #observableTables: { diagonal: number; coefficients: readonly number[] } | undefined;

  /** Places the tables of the observables once, for expectations and for the fold. */
  #placeObservables(): { diagonal: number; coefficients: readonly number[] } {
    const { diagonal, strings } = this.#observables;
    this.#observableTables ??= {
      diagonal: diagonal === undefined ? 0 : this.#addTable("amplitude", diagonal),
      coefficients: strings.map(({ coefficient }) => this.#addTable("float64", [coefficient, 0])),
    };
    return this.#observableTables;
  }

  #writeExpectations(final: State): void {
    const { W, gradient, probabilities } = this.#options;
    const { K, diagonal, strings } = this.#observables;
    const state = { plane: this.#plane, amps: this.#amps, rowBytes: this.#rowBytes };
    const needsSquares = probabilities || (!gradient && diagonal !== undefined);
    const squares = needsSquares ? this.#scratch.take(this.#plane) : 0;
    if (needsSquares)
      this.#call("absoluteSquare", 1, {
        psi: place(1, final.at),
        dst: place(1, squares),
        ...state,
      });
    if (probabilities) {
      this.#call("writeRows", 1, {
        values: place(1, squares),
        count: this.#amps,
        W,
        out: place(tileRegisters.probabilities, 0),
      });
    }
    if (gradient || K === 0) return;
    const tables = this.#placeObservables();
    const out = this.#scratch.take(K * this.#rowBytes);
    if (diagonal === undefined)
      this.#call("zeroBytes", 0, { dst: place(1, out), byteCount: K * this.#rowBytes });
    else {
      const coefficients = place(tileRegisters.fixed, tables.diagonal);
      this.#call("project", K / 2, {
        w: place(1, squares),
        coefficients,
        count: K,
        amps: this.#amps,
        rowBytes: this.#rowBytes,
        out: place(1, out),
      });
    }
    for (const [index, { k, xMask, zMask, phase }] of strings.entries()) {
      this.#call("addPauliExpectation", 1, {
        psi: place(1, final.at),
        ...state,
        xMask,
        zMask,
        phase,
        coefficient: place(tileRegisters.fixed, tables.coefficients[index] ?? 0),
        out: place(1, out + k * this.#rowBytes),
      });
    }
    this.#call("writeRows", 0, {
      values: place(1, out),
      count: K,
      W,
      out: place(tileRegisters.expectations, 0),
    });
  }

  /** λ = Σ g_k O_k ψ. */
  #writeFold(final: State): State {
    const { K, diagonal, strings } = this.#observables;
    const tables = this.#placeObservables();
    const g = this.#scratch.take(K * this.#rowBytes);
    const lambda = this.#newState();
    this.#call("readRows", 0, {
      values: place(tileRegisters.cotangent, 0),
      count: K,
      W: this.#options.W,
      out: place(1, g),
    });
    const both = {
      psi: place(1, final.at),
      lambda: place(1, lambda),
      plane: this.#plane,
      amps: this.#amps,
      rowBytes: this.#rowBytes,
    };
    if (diagonal === undefined)
      this.#call("zeroBytes", 1, { dst: place(1, lambda), byteCount: 2 * this.#plane });
    else
      this.#call("foldDiagonal", K / 2, {
        ...both,
        g: place(1, g),
        coefficients: place(tileRegisters.fixed, tables.diagonal),
        count: K,
      });
    for (const [index, { k, xMask, zMask, phase }] of strings.entries()) {
      this.#call("addPauliFold", 1, {
        ...both,
        xMask,
        zMask,
        phase,
        coefficient: place(tileRegisters.fixed, tables.coefficients[index] ?? 0),
        g: place(1, g + k * this.#rowBytes),
      });
    }
    return { at: lambda, isReal: false };
  }

  // ---- backward --------------------------------------------------------------------------------------------------

  #writeBackward(states: ReadonlyMap<number, State>, final: State): void {
    const { blocks, slots, Pr, Ps } = this.#plan;
    const { W } = this.#options;
    const gradients = this.#scratch.take(slots.length * this.#rowBytes);
    const earliest = blocks.findIndex(hasGradient);
    if (earliest >= 0) {
      let lambda = this.#writeFold(final);
      let spare: number | undefined;
      const products = this.#scratch.take(this.#plane);
      for (let index = blocks.length - 1; index >= earliest; index--) {
        const block = blocks[index];
        if (block === undefined) throw internalError("a block is missing");
        const after = hasGradient(block) ? states.get(index + 1) : undefined;
        const useAfter = after !== undefined && (index === 0 || !states.has(index));
        if (useAfter) this.#writeGradient(block, after, lambda, gradients, products);
        const done = index === earliest && (useAfter || !hasGradient(block));
        if (done) break;
        const to: number = block.kind === "permutation" ? (spare ?? this.#newState()) : lambda.at;
        if (block.kind === "permutation") spare = lambda.at;
        lambda = this.#writeBlock(block, lambda, to, true);
        const before = states.get(index);
        if (hasGradient(block) && !useAfter) {
          if (before === undefined) throw internalError("a state for the gradient is missing");
          this.#writeGradient(block, before, lambda, gradients, products);
        }
      }
    }
    this.#writeChain("rows", Pr, (slot) => slot.rows, gradients, W);
    this.#writeChain("shared", Ps, (slot) => slot.shared, gradients, W);
  }

  /** Gradients of the slots of one block, where ψ and λ stand on the same side of it. */
  #writeGradient(
    block: PlannedBlock,
    psi: State,
    lambda: State,
    gradients: number,
    products: number,
  ): void {
    const both = {
      psi: place(1, psi.at),
      lambda: place(1, lambda.at),
      plane: this.#plane,
      amps: this.#amps,
      rowBytes: this.#rowBytes,
    };
    const parts = psi.isReal ? 1 : 2;
    const out = (slot: number): number => place(1, gradients + slot * this.#rowBytes);
    if (block.kind === "rotation") {
      const wanted = block.angles.flatMap(({ qubit, angle }) =>
        "slot" in angle ? [{ qubit, slot: angle.slot }] : [],
      );
      while (wanted.length >= 3) {
        const three = wanted.splice(0, 3).map(({ qubit, slot }, index) => ({
          [`qubit${index}`]: qubit,
          [`out${index}`]: out(slot),
        }));
        this.#call("rotationGradient3", 1.5 * parts, Object.assign({ ...both, parts }, ...three));
      }
      for (const { qubit, slot } of wanted)
        this.#call("rotationGradient1", 0.5 * parts, {
          ...both,
          parts,
          qubit0: qubit,
          out0: out(slot),
        });
    } else if (block.kind === "diagonal") {
      const [first] = block.generators;
      if (first === undefined) return;
      const table = this.#addTable(
        "amplitude",
        block.generators.flatMap(({ values }) => [...values].map((g) => 2 * g)),
      );
      this.#call("imaginaryProduct", 1, { ...both, dst: place(1, products), parts });
      this.#call("project", block.generators.length / 2, {
        w: place(1, products),
        coefficients: place(tileRegisters.fixed, table),
        count: block.generators.length,
        amps: this.#amps,
        rowBytes: this.#rowBytes,
        out: out(first.slot),
      });
    }
  }

  /** From slots to parameters; shared ones are summed over the rows of the tile. */
  #writeChain(
    role: "rows" | "shared",
    count: number,
    termsOf: (
      slot: Plan["slots"][number],
    ) => readonly { readonly index: number; readonly coefficient: number }[],
    gradients: number,
    W: number,
  ): void {
    if (count === 0) return;
    const terms = Array.from({ length: count }, (): number[] => []);
    for (const [slot, one] of this.#plan.slots.entries()) {
      for (const { index, coefficient } of termsOf(one)) terms[index]?.push(coefficient, slot);
    }
    const table = this.#addTable(
      "float64",
      terms.flatMap((list) => [list.length / 2, ...list]),
    );
    const rowsOut = place(tileRegisters.rowGradients, 0);
    const out = role === "rows" ? rowsOut : place(1, this.#scratch.take(8 * W * count));
    this.#call("combineGradients", 0, {
      gradients: place(1, gradients),
      W,
      table: place(tileRegisters.fixed, table),
      count,
      out,
    });
    if (role === "shared")
      this.#call("sumRows", 0, {
        rows: out,
        W,
        width: count,
        out: place(tileRegisters.sharedGradients, 0),
      });
  }

  #call(kernel: KernelName, work: number, args: Record<string, number>): void {
    this.#work += work;
    this.#calls.push({ kernel, arguments: args });
  }
}

interface PreparedBlock {
  /** Row angle of a qubit of a rotation block. */
  readonly rowAngle: Map<number, number>;
  /** Offset of the shared phases of a diagonal block in the bound area. */
  phases: number | undefined;
  readonly rowPhases: { readonly angle: number; readonly signs: number }[];
}

const rotateKernels: Readonly<Record<number, KernelName>> = {
  1: "rotate1",
  2: "rotate2",
  3: "rotate3",
};

function hasGradient(block: PlannedBlock): boolean {
  if (block.kind === "rotation") return block.angles.some(({ angle }) => "slot" in angle);
  return block.kind === "diagonal" && block.generators.length > 0;
}

/** Splits rotations into groups of three, and four into two pairs, so that few sweeps touch the state. */
function groupRotations<T>(angles: readonly T[]): readonly (readonly T[])[] {
  const groups: T[][] = [];
  let rest = [...angles];
  while (rest.length > 0) {
    const size = rest.length === 4 || rest.length === 2 ? 2 : Math.min(3, rest.length);
    groups.push(rest.slice(0, size));
    rest = rest.slice(size);
  }
  return groups;
}

function invertPermutation(sources: Uint32Array): Uint32Array {
  const inverse = new Uint32Array(sources.length);
  sources.forEach((from, to) => {
    inverse[from] = to;
  });
  return inverse;
}
