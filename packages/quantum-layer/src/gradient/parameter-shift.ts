/**
 * Gradients by parameter shift: for each token one unshifted circuit (on request) and, for each place where a parameter
 * enters the circuit, the evaluations of its gate's shift rule. Per token and ring of n qubits and L layers these are
 * 1 + 14nL circuits.
 */
import { QtuneError, pairwiseSumRows } from "@qtune/base";
import {
  type Circuit,
  type ExecutionUsage,
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

/** Values and all derivatives of a batch, measured together. */
export interface ShiftMeasurement {
  /** Expectation values [T, n], from the unshifted circuits; absent when they were not asked for. */
  readonly values: Float64Array | undefined;
  readonly usage: ExecutionUsage;
  /** Pulls a cotangent [T, n] back to inputs [T, n] and weights [P]. Runs nothing. */
  pullBack(cotangent: Float64Array): {
    readonly inputs: Float64Array;
    readonly weights: Float64Array;
  };
}

/**
 * Measures what parameter shift needs, all evaluations in one batch; the cotangent may come later.
 *
 * Maths:  f'(θ) = Σ_t coefficient_t · f(θ + shift_t); a parameter in several places sums its sites.
 * Cost:   T · (evaluations + 1 if `withValues`) circuits.
 */
export async function measureShifts(
  call: LayerCall,
  plan: ShiftPlan,
  withValues: boolean,
): Promise<ShiftMeasurement> {
  const { T } = call;
  const n = call.circuit.qubits;
  const inputWidth = T === 0 ? 0 : call.inputs.length / T;
  const first = withValues ? 1 : 0;
  const perToken = plan.evaluations + first;
  const rows = shiftedRows(call, plan, inputWidth, withValues);
  const { expectations, usage } = await evaluateRows(call, plan.circuit, rows, T * perToken);
  const values = withValues ? new Float64Array(T * n) : undefined;
  for (let t = 0; t < T; t++) {
    const from = t * perToken * n;
    values?.set(expectations.subarray(from, from + n), t * n);
  }
  return {
    values,
    usage,
    pullBack(cotangent) {
      const P = call.weights.length;
      const inputs = new Float64Array(call.inputs.length);
      const weightRows = new Float64Array(T * P);
      for (let t = 0; t < T; t++) {
        let row = t * perToken + first;
        for (const { rule, spread } of plan.sites) {
          let derivative = 0;
          for (const { coefficient } of rule) {
            let pulled = 0;
            for (let q = 0; q < n; q++)
              pulled += cotangent[t * n + q]! * expectations[row * n + q]!; // [T, n], [B, n]
            derivative += coefficient * pulled;
            row += 1;
          }
          for (const { role, index, coefficient } of spread) {
            if (role === "row") inputs[t * inputWidth + index]! += coefficient * derivative;
            else weightRows[t * P + index]! += coefficient * derivative;
          }
        }
      }
      return { inputs, weights: pairwiseSumRows(weightRows, T, P) };
    },
  };
}

/** The rows of the widened circuit: per token the unshifted one if asked for, then one per term of each site's rule. */
function shiftedRows(
  call: LayerCall,
  plan: ShiftPlan,
  inputWidth: number,
  withValues: boolean,
): Float64Array {
  const width = inputWidth + plan.sites.length;
  const perToken = plan.evaluations + (withValues ? 1 : 0);
  const rows = new Float64Array(call.T * perToken * width);
  let row = 0;
  for (let t = 0; t < call.T; t++) {
    const input = call.inputs.subarray(t * inputWidth, (t + 1) * inputWidth);
    if (withValues) rows.set(input, row++ * width);
    plan.sites.forEach((site, s) => {
      for (const { shiftRad } of site.rule) {
        rows.set(input, row * width);
        rows[row * width + inputWidth + s] = shiftRad;
        row += 1;
      }
    });
  }
  return rows;
}

/** Pulls a cotangent [T, n] back to inputs and weights by shift rules. */
export async function parameterShift(
  call: LayerCall,
  plan: ShiftPlan,
  cotangent: Float64Array,
): Promise<LayerGradient> {
  const measurement = await measureShifts(call, plan, false);
  return { ...measurement.pullBack(cotangent), usage: measurement.usage };
}
