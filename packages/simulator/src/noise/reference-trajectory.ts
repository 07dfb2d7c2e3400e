/**
 * Noisy shots the plain way: one state per shot, in float64, every channel by the norms of its Kraus operators. Slow, and
 * the definition that the batched trajectories are compared with.
 */
import type { Random } from "@qtune/base";
import type { NoisyProgram, NoisyStep } from "@qtune/chip";
import { sampleIndices } from "../sampling.ts";
import {
  type PlainState,
  applyOperatorInPlace,
  createPlainState,
  scaleInPlace,
  squaredNorm,
} from "./plain-state.ts";
import { type Operator, krausOperators, pauliOperator, stepQubits } from "./step-operator.ts";

/**
 * Runs one shot at a detuning vector and returns the final state.
 *
 * Shapes: detuningRadPerNs [n]; result [2^n], normalised.
 * Effect: advances `random`.
 */
export function runReferenceShot(
  program: NoisyProgram,
  detuningRadPerNs: ArrayLike<number>,
  random: Random,
): PlainState {
  const state = createPlainState(program.qubits);
  for (const step of program.steps) applyStepInPlace(state, step, detuningRadPerNs, random);
  return state;
}

function applyStepInPlace(
  state: PlainState,
  step: NoisyStep,
  detuning: ArrayLike<number>,
  random: Random,
): void {
  if (step.kind === "pauli") {
    const [index = 0] = sampleIndices(step.probabilities, 1, random);
    if (index !== 0)
      applyOperatorInPlace(state, step.qubits, pauliOperator(index, step.qubits.length));
    return;
  }
  const operators = krausOperators(step, detuning);
  const [only] = operators;
  if (operators.length === 1 && only !== undefined)
    applyOperatorInPlace(state, stepQubits(step), only);
  else chooseKrausInPlace(state, stepQubits(step), operators, random);
}

function chooseKrausInPlace(
  state: PlainState,
  qubits: readonly number[],
  operators: readonly Operator[],
  random: Random,
): void {
  let rest = random.nextUniform();
  for (const [index, operator] of operators.entries()) {
    const candidate = { m: state.m, re: state.re.slice(), im: state.im.slice() };
    applyOperatorInPlace(candidate, qubits, operator);
    const probability = squaredNorm(candidate);
    rest -= probability;
    if (rest >= 0 && index < operators.length - 1) continue;
    scaleInPlace(candidate, 1 / Math.sqrt(probability));
    state.re.set(candidate.re);
    state.im.set(candidate.im);
    return;
  }
}
