/** What quantum work a training costs, before anything runs. */
import { QtuneError } from "@qtune/base";
import { type Executor, allPauliZ } from "@qtune/circuit";
import { type AnsatzOptions, createAnsatz } from "./ansatz.ts";
import { createShiftPlan } from "./gradient/parameter-shift.ts";
import type { GradientMethod } from "./quantum-layer.ts";

/** What is to be done. */
export interface QuantumWork extends AnsatzOptions {
  /** Adapted modules that contain the circuit. */
  readonly modules: number;
  /** Optimiser steps. */
  readonly steps: number;
  /** Tokens of one step that pass through each module. */
  readonly tokensPerStep: number;
  /** Tokens per step and module that are measured; the others are left to an exact executor. Default: all. */
  readonly sampledTokens?: number | undefined;
  readonly gradient: GradientMethod;
  /** Directions of SPSA. Default: 1. */
  readonly directions?: number | undefined;
  /** Shots per circuit. Default: exact. */
  readonly shots?: number | undefined;
}

/** Limits of a plan; absent: no limit. */
export interface QuantumBudget {
  readonly circuits?: number | undefined;
  readonly shots?: number | undefined;
  readonly chipSeconds?: number | undefined;
}

/** The plan that is printed before a run. */
export interface QuantumPlan {
  readonly circuitsPerToken: { readonly forward: number; readonly backward: number };
  readonly circuitsPerStep: number;
  readonly circuits: number;
  readonly shots: number;
  /** Busy time of the chip; 0 for simulators. */
  readonly chipSeconds: number;
  readonly wallSeconds: number;
  readonly parallelSlots: number;
  /** Tokens that are measured per step and module. */
  readonly tokens: number;
  /** Most tokens per step and module that keep to the budget; absent without a budget. */
  readonly tokensWithinBudget?: number;
}

/**
 * Returns the circuits that one token costs in one module.
 *
 * Maths: forward 1; backward: adjoint 1 pass, parameter shift the sum of its rules (14nL on a ring), SPSA two per
 *        direction, finite difference 2(n + P).
 */
export function circuitsPerToken(
  options: AnsatzOptions & {
    readonly gradient: GradientMethod;
    readonly directions?: number | undefined;
  },
): { readonly forward: number; readonly backward: number } {
  const ansatz = createAnsatz(options);
  const backward = {
    adjoint: () => 1,
    "parameter-shift": () => createShiftPlan(ansatz.circuit).evaluations,
    spsa: () => 2 * (options.directions ?? 1),
    "finite-difference": () => 2 * (ansatz.n + ansatz.weightCount),
  }[options.gradient]();
  return { forward: 1, backward };
}

/**
 * Plans quantum work: circuits, shots, chip seconds, and how many tokens a budget allows.
 *
 * Effect: asks the executor for an estimate of one step of one module, runs nothing.
 * Errors: resource_exhausted when the budget does not even allow one token per step.
 */
export async function planQuantumWork(
  work: QuantumWork,
  executor: Executor,
  budget: QuantumBudget = {},
): Promise<QuantumPlan> {
  const ansatz = createAnsatz(work);
  const perToken = circuitsPerToken(work);
  const each = perToken.forward + perToken.backward;
  const tokens = Math.min(work.sampledTokens ?? work.tokensPerStep, work.tokensPerStep);
  const B = tokens * each;
  const estimate = await executor.estimate(
    {
      circuit: ansatz.circuit,
      shared: new Float64Array(ansatz.weightCount),
      rows: Float64Array.from({ length: B * ansatz.n }, (_, i) => i / (B * ansatz.n)), // distinct: nothing is merged
      B,
      observables: allPauliZ(ansatz.n),
    },
    { shots: work.shots },
  );
  const repeats = work.modules * work.steps;
  const plan: QuantumPlan = {
    circuitsPerToken: perToken,
    circuitsPerStep: B * work.modules,
    circuits: B * repeats,
    shots: B * repeats * (work.shots ?? 0),
    chipSeconds: estimate.chipSeconds * repeats,
    wallSeconds: estimate.wallSeconds * repeats,
    parallelSlots: estimate.parallelSlots,
    tokens,
  };
  const shares = [
    share(budget.circuits, plan.circuits),
    share(budget.shots, plan.shots),
    share(budget.chipSeconds, plan.chipSeconds),
  ].filter((value) => value !== undefined);
  if (shares.length === 0) return plan;
  const tokensWithinBudget = Math.min(work.tokensPerStep, Math.floor(tokens * Math.min(...shares)));
  if (tokensWithinBudget < 1) {
    throw new QtuneError(
      "resource_exhausted",
      `expected a budget for one token per step but ${plan.circuits} circuits, ${plan.shots} shots and ${plan.chipSeconds.toFixed(1)} chip seconds are needed for ${tokens}; use fewer quantum layers, fewer steps or fewer shots`,
      { where: "executor.budget" },
    );
  }
  return { ...plan, tokensWithinBudget };
}

function share(limit: number | undefined, need: number): number | undefined {
  if (limit === undefined) return undefined;
  return need === 0 ? Number.POSITIVE_INFINITY : limit / need;
}
