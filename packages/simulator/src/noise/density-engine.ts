/**
 * Density matrices on the state-vector engine: the vector of 2n qubits is multiplied by superoperators, fused like gates
 * and run in tiles on several threads. For programs that are too large for the plain way.
 */
import type { Abortable } from "@qtune/base";
import type { NoisyProgram, NoisyStep } from "@qtune/chip";
import { type StateVectorEngine, createStateVector } from "../engines/state-vector.ts";
import type { Item } from "../plan/item.ts";
import { sumOfKraus } from "./density-matrix.ts";
import { krausOperators, stepQubits } from "./step-operator.ts";

/** Runs one program at many detuning vectors. */
export class DensityEngine implements AsyncDisposable {
  readonly #program: NoisyProgram;
  readonly #state: StateVectorEngine;
  readonly #fixed = new Map<NoisyStep, Item>();

  /** Holds 4^n amplitudes: float64 up to 7 qubits, float32 beyond. */
  constructor(program: NoisyProgram) {
    this.#program = program;
    const precision = program.qubits <= 7 ? "float64" : "float32";
    this.#state = createStateVector(2 * program.qubits, { precision, fuseQubits: 4 });
  }

  /** Returns the populations [2^n] at a detuning vector [n]. Errors: cancelled. */
  async populations(
    detuningRadPerNs: ArrayLike<number>,
    options: Abortable,
  ): Promise<Float64Array> {
    const n = this.#program.qubits;
    this.#state.reset();
    await this.#state.apply(
      this.#program.steps.map((step) => this.#itemOf(step, detuningRadPerNs)),
      options,
    );
    return this.#state.realParts(Uint32Array.from({ length: 2 ** n }, (_, x) => x + 2 ** n * x));
  }

  #itemOf(step: NoisyStep, detuning: ArrayLike<number>): Item {
    const n = this.#program.qubits;
    if (step.kind === "detuning") {
      // RZ on the row and its conjugate on the column: the diagonal of the two phases.
      const angle = (detuning[step.qubit] ?? 0) * step.durationNs;
      return {
        kind: "diagonal",
        qubits: [step.qubit, step.qubit + n],
        angle,
        generator: [0, -1, 1, 0],
      };
    }
    const known = this.#fixed.get(step);
    if (known !== undefined) return known;
    const qubits = stepQubits(step);
    const { re, im } = sumOfKraus(krausOperators(step, detuning));
    const size = 4 ** qubits.length;
    const matrix = { size, re: Float64Array.from(re), im: Float64Array.from(im) };
    const item: Item = {
      kind: "matrix",
      qubits: [...qubits, ...qubits.map((qubit) => qubit + n)],
      matrix,
      controls: [],
    };
    this.#fixed.set(step, item);
    return item;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#state[Symbol.asyncDispose]();
  }
}
