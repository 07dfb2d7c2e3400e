/**
 * Gradients by parameter shift: for each token one unshifted circuit (on request) and, for each place where a parameter
 * enters the circuit, the evaluations of its gate's shift rule. Per token and ring of n qubits and L layers these are
 * 1 + 14nL circuits.
 */
import { QtuneError, pairwiseSumRows } from "@qtune/base";
import {
  type Circuit,
  type GateOperation,
  type Operation,
  type ShiftRule,
  addAngles,
  isBoundAngle,
  parameterAngle,
  parameterNames,
} from "@qtune/circuit";
import { type LayerCall, type LayerGradient, evaluateRows } from "./layer-batch.ts";
import { shiftRuleOf } from "./shift-rule.ts";

/** One angle that depends on parameters: the rule of its gate, and how its derivative spreads over the parameters. */
interface ShiftSite {
  readonly rule: ShiftRule["terms"];
  readonly spread: readonly {
    readonly role: "row" | "shared";
    readonly index: number;
    readonly coefficient: number;
  }[];
}

/** A circuit whose sites can be shifted one by one through further row parameters. */
export interface ShiftPlan {
  readonly circuit: Circuit;
  readonly sites: readonly ShiftSite[];
  /** Shifted circuits per row. */
  readonly evaluations: number;
}

/**
 * Creates the plan of a circuit: which angles are shifted, and by what.
 *
 * Errors: unimplemented when a parameter stands where no shift rule is known (a gate without one, a power, further
 *         controls, a phase under control).
 */
export function createShiftPlan(circuit: Circuit): ShiftPlan {
  const places = new Map<string, { role: "row" | "shared"; index: number }>();
  for (const role of ["row", "shared"] as const) {
    parameterNames(circuit, role).forEach((name, index) => places.set(name, { role, index }));
  }
  const sites: ShiftSite[] = [];
  const shiftAngle = (operation: GateOperation, at: number, where: string): GateOperation => {
    const angles = operation.angles.map((angle, position) => {
      if (isBoundAngle(angle)) return angle;
      if (operation.power !== undefined || (operation.controls?.length ?? 0) > 0) {
        throw new QtuneError(
          "unimplemented",
          `expected a plain gate around a parameter but ${operation.gate} has a power or controls`,
          { where },
        );
      }
      const spread = angle.terms.map(({ parameter, coefficient }) => ({
        ...lookUp(places, parameter, where),
        coefficient,
      }));
      sites.push({ rule: shiftRuleOf(operation.gate, position, where), spread });
      return addAngles(angle, parameterAngle(shiftName(sites.length - 1)));
    });
    return at < 0 ? operation : { ...operation, angles };
  };
  const operations = circuit.operations.map((operation, at): Operation => {
    const where = `circuit.operations[${at}]`;
    if (operation.kind === "gate") return shiftAngle(operation, at, where);
    if (operation.kind === "barrier" || operation.kind === "unitary") return operation;
    throw new QtuneError(
      "unimplemented",
      `expected gates only in a circuit that is differentiated by shifts but was given ${operation.kind}`,
      { where },
    );
  });
  const shifts = sites.map((_, index) => ({ name: shiftName(index), role: "row" as const }));
  return {
    circuit: { ...circuit, operations, parameters: [...circuit.parameters, ...shifts] },
    sites,
    evaluations: sites.reduce((sum, site) => sum + site.rule.length, 0),
  };
}

/** Reserved: no ansatz names a parameter like this. */
function shiftName(index: number): string {
  return `shift__${index}`;
}

function lookUp(
  places: ReadonlyMap<string, { readonly role: "row" | "shared"; readonly index: number }>,
  parameter: string,
  where: string,
): { readonly role: "row" | "shared"; readonly index: number } {
  const place = places.get(parameter);
  if (place === undefined) {
    throw new QtuneError(
      "invalid_argument",
      `expected a declared parameter but was given ${parameter}`,
      { where },
    );
  }
  return place;
}

/**
 * Pulls a cotangent back to inputs and weights by shift rules, all evaluations in one batch.
 *
 * Maths:  f'(θ) = Σ_t coefficient_t · f(θ + shift_t); a parameter in several places sums its sites.
 * Shapes: cotangent [T, n].
 * Cost:   T · (evaluations + 1 if `withValues`) circuits.
 */
export async function parameterShift(
  call: LayerCall,
  plan: ShiftPlan,
  cotangent: Float64Array,
  withValues = false,
): Promise<LayerGradient> {
  const { T } = call;
  const n = call.circuit.qubits;
  const inputWidth = T === 0 ? 0 : call.inputs.length / T;
  const first = withValues ? 1 : 0;
  const perRow = plan.evaluations + first;
  const width = inputWidth + plan.sites.length;
  const rows = new Float64Array(T * perRow * width);
  for (let t = 0; t < T; t++) {
    const input = call.inputs.subarray(t * inputWidth, (t + 1) * inputWidth);
    let row = t * perRow;
    if (withValues) rows.set(input, row++ * width);
    plan.sites.forEach((site, s) => {
      for (const term of site.rule) {
        rows.set(input, row * width);
        rows[row * width + inputWidth + s] = term.shiftRad;
        row += 1;
      }
    });
  }
  const { expectations, usage } = await evaluateRows(call, plan.circuit, rows, T * perRow);
  const inputs = new Float64Array(call.inputs.length);
  const perToken = new Float64Array(T * call.weights.length);
  for (let t = 0; t < T; t++) {
    let row = t * perRow + first;
    for (const site of plan.sites) {
      let derivative = 0;
      for (const term of site.rule) {
        let pulled = 0;
        for (let q = 0; q < n; q++) pulled += cotangent[t * n + q]! * expectations[row * n + q]!; // [T, n], [B, n]
        derivative += term.coefficient * pulled;
        row += 1;
      }
      for (const { role, index, coefficient } of site.spread) {
        if (role === "row") inputs[t * inputWidth + index]! += coefficient * derivative;
        else perToken[t * call.weights.length + index]! += coefficient * derivative;
      }
    }
  }
  const weights = pairwiseSumRows(perToken, T, call.weights.length);
  if (!withValues) return { inputs, weights, usage };
  const values = new Float64Array(T * n);
  for (let t = 0; t < T; t++) {
    const from = t * perRow * n;
    values.set(expectations.subarray(from, from + n), t * n);
  }
  return { inputs, weights, values, usage };
}
