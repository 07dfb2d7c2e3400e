import { type Issue, QtuneError } from "@qtune/base";
import {
  type CalibrationSnapshot,
  type ChipModel,
  type NoiseKnobs,
  type PredictedFidelity,
  type ScheduledCircuit,
  countLayers,
  newestSnapshot,
  predictedFidelity,
  validateScheduled,
} from "@qtune/chip";
import type { Circuit } from "@qtune/circuit";
import { cancelPairs } from "./cancel.ts";
import { couplingOf } from "./chip-coupling.ts";
import { compactQubits } from "./compact-qubits.ts";
import { consolidate } from "./consolidate.ts";
import { type Coupling, areCoupled, couplingRegions, restrictCoupling } from "./coupling.ts";
import { type DecouplingSequence, insertDecoupling } from "./decoupling.ts";
import { elideSwaps } from "./elide-swaps.ts";
import { expandPairs } from "./expand-pairs.ts";
import { lowerCircuit } from "./lower.ts";
import { mergeLocals } from "./merge-locals.ts";
import { pairCzCount } from "./pair-cost.ts";
import {
  type PlacementEffort,
  placeAndRoute,
  routeAlong,
  routeFromLayout,
  tooWide,
} from "./place-and-route.ts";
import { reorder } from "./reorder.ts";
import type { Routed } from "./sabre.ts";
import {
  type NativeLengths,
  type NativeTemplate,
  bindTemplate,
  bindTemplateToZero,
  scheduleTemplate,
} from "./template.ts";
import { type ParameterLookup, type WorkCircuit, type WorkOperation, isPair } from "./work.ts";

/** How much the compiler does: 0 decomposes and routes, 1 cancels, 2 resynthesises pairs, 3 searches longer. */
export type CompileLevel = 0 | 1 | 2 | 3;

/** How to compile. */
export interface CompileOptions {
  readonly chip: ChipModel;
  /** Default: the newest of the chip. */
  readonly snapshot?: CalibrationSnapshot | undefined;
  /** Default 2. */
  readonly level?: CompileLevel | undefined;
  /** Seed of the routed trials. Default 0. */
  readonly seed?: bigint | undefined;
  /**
   * `auto`: chosen here. `physical`: qubit i is qubit i of the chip; nothing is mapped, merged or cancelled, and a pair
   * without a coupler is an error. A list: the physical qubit of each qubit (−1 for idle ones). Default `auto`.
   */
  readonly layout?: "auto" | "physical" | readonly number[] | undefined;
  /** Physical qubits to stay on. Default: the whole chip. */
  readonly region?: readonly number[] | undefined;
  /** Pulses that refocus waiting qubits. Default `none`. */
  readonly decoupling?: DecouplingSequence | undefined;
  /** Knobs of the noise model for the predicted fidelity. Default: those of the chip. */
  readonly knobs?: Partial<NoiseKnobs> | undefined;
  /** Clock in ms for the report; libraries read none of their own. Absent: no times in the report. */
  readonly nowMs?: (() => number) | undefined;
}

/** What one pass has done. */
export interface PassReport {
  readonly pass: string;
  /** Two-qubit operations counted in CZ, after the pass. */
  readonly cz: number;
  /** Operations after the pass. */
  readonly operations: number;
  readonly elapsedMs?: number;
}

/** What a circuit has become. */
export interface CompileReport {
  readonly level: CompileLevel;
  readonly passes: readonly PassReport[];
  readonly cz: number;
  readonly pulses: number;
  /** Longest chain of pulses and CZ. */
  readonly layers: number;
  /** SWAPs that routing put in, before they were merged with gates. */
  readonly swaps: number;
  /** Whether every pair found a coupler without SWAP. */
  readonly perfectLayout: boolean;
}

/** A circuit (or the structure of one) for a chip. */
export interface CompiledCircuit {
  /** The schedule with its angles still open. */
  readonly template: NativeTemplate;
  /** The schedule; absent when the circuit has parameters: bind a row with {@link bindCompiled}. */
  readonly scheduled?: ScheduledCircuit;
  /** Physical qubit of each qubit before the first and after the last operation; −1 for idle ones. [qubits] */
  readonly layout: { readonly initial: readonly number[]; readonly final: readonly number[] };
  /** Physical qubits that the circuit takes, those of SWAPs included, ascending. */
  readonly region: readonly number[];
  readonly durationNs: number;
  /** Predicted success probability of gates, waits and readout. */
  readonly predictedFidelity: number;
  readonly fidelity: PredictedFidelity;
  /** Number of sites of the chip. */
  readonly chipQubits: number;
  readonly snapshotId: string;
  readonly report: CompileReport;
}

const efforts: Readonly<Record<CompileLevel, PlacementEffort>> = {
  0: { perfectSteps: 20_000, minTrials: 1, maxTrials: 1, gateBudget: 0, passes: 0, finals: 1 },
  1: { perfectSteps: 50_000, minTrials: 2, maxTrials: 4, gateBudget: 1_000, passes: 1, finals: 1 },
  2: { perfectSteps: 100_000, minTrials: 3, maxTrials: 8, gateBudget: 3_000, passes: 2, finals: 2 },
  3: {
    perfectSteps: 300_000,
    minTrials: 5,
    maxTrials: 24,
    gateBudget: 6_000,
    passes: 2,
    finals: 3,
  },
};

/**
 * Compiles a circuit for a chip: native gates on coupled qubits with start times.
 *
 * Range:  angles may depend on parameters; then the structure is compiled once and rows are bound later. Measurements stand at
 *         the end of their qubits.
 * Effect: pure; the same for the same arguments, up to the times of the report.
 * Cost:   4 qubits 1 to 5 ms, 72 qubits tens to hundreds of ms by level.
 * Errors: invalid_argument for what the chip cannot do; failed_precondition when the circuit is wider than the largest
 *         region or the layout names dead qubits or missing couplers; out_of_range beyond the layers of the chip.
 *
 * @example
 * const chip = createChip("wukong-72");
 * compileCircuit(circuit, { chip }).predictedFidelity;
 */
export function compileCircuit(circuit: Circuit, options: CompileOptions): CompiledCircuit {
  const { chip, level = 2 } = options;
  const snapshot = options.snapshot ?? newestSnapshot(chip);
  const whole = couplingOf(chip, snapshot);
  const coupling = options.region === undefined ? whole : restrictCoupling(whole, options.region);
  const passes = new PassLog(options.nowMs);
  const lowered = passes.run("lower", () => lowerCircuit(circuit));
  const lengths = {
    pulseNs: chip.timing.pulseNs,
    czNs: chip.timing.czNs,
    measureNs: chip.timing.measureNs,
  };
  const { compact, active } = compactQubits(lowered);
  const routed =
    options.layout === "physical"
      ? placePhysically(compact, active, coupling)
      : compileLogically({ compact, active, coupling, options, level, lengths, passes });
  const native =
    options.layout === "physical"
      ? passes.list("expand", expandPairs(routed.operations))
      : finishNative(routed.operations, level, lengths, passes);
  const plain = scheduleTemplate(native, circuit.clbits, lengths);
  const template = insertDecoupling(plain, options.decoupling ?? "none", snapshot);
  return describeCompiled({
    circuit,
    options,
    snapshot,
    active,
    routed,
    template,
    level,
    passes: passes.passes,
  });
}

/**
 * Gives the open angles of a compiled structure their values.
 *
 * Cost: microseconds per row.
 */
export function bindCompiled(compiled: CompiledCircuit, lookup: ParameterLookup): ScheduledCircuit {
  return compiled.scheduled ?? bindTemplate(compiled.template, lookup);
}

class PassLog {
  readonly passes: PassReport[] = [];
  readonly #nowMs: (() => number) | undefined;

  constructor(nowMs: (() => number) | undefined) {
    this.#nowMs = nowMs;
  }

  run<T extends { readonly operations: readonly WorkOperation[] }>(pass: string, work: () => T): T {
    const start = this.#nowMs?.();
    const out = work();
    const elapsed =
      start === undefined || this.#nowMs === undefined ? {} : { elapsedMs: this.#nowMs() - start };
    this.passes.push({
      pass,
      cz: totalCz(out.operations),
      operations: out.operations.length,
      ...elapsed,
    });
    return out;
  }

  list(pass: string, operations: readonly WorkOperation[]): readonly WorkOperation[] {
    return this.run(pass, () => ({ operations })).operations;
  }

  apply(
    pass: string,
    operations: readonly WorkOperation[],
    work: (operations: readonly WorkOperation[]) => readonly WorkOperation[],
  ): readonly WorkOperation[] {
    return this.run(pass, () => ({ operations: work(operations) })).operations;
  }
}

function totalCz(operations: readonly WorkOperation[]): number {
  return operations.reduce(
    (sum, operation) => sum + (isPair(operation) ? pairCzCount(operation) : 0),
    0,
  );
}

/** Takes the numbers of the circuit for those of the chip. */
function placePhysically(
  compact: WorkCircuit,
  active: readonly number[],
  coupling: Coupling,
): Routed & { perfect: boolean } {
  const alive = new Set(coupling.qubits);
  const issues: Issue[] = active
    .filter((qubit) => !alive.has(qubit))
    .map((qubit) => ({
      where: "circuit.qubits",
      expected: "qubits of the chip that work",
      given: String(qubit),
      hint: "use another qubit, or let the layout be chosen",
    }));
  for (const [index, operation] of compact.operations.entries()) {
    if (!isPair(operation)) continue;
    const [a, b] = [active[operation.a] ?? -1, active[operation.b] ?? -1];
    if (areCoupled(coupling, a, b)) continue;
    const near = (coupling.neighbours[a] ?? []).join(", ");
    issues.push({
      where: `circuit.operations[${index}]`,
      expected: "two coupled qubits",
      given: `(${a}, ${b})`,
      hint:
        near === ""
          ? "let the layout be chosen"
          : `qubit ${a} is coupled to ${near}; or let the layout be chosen`,
    });
  }
  if (issues.length > 0) throw QtuneError.fromIssues(issues, "failed_precondition");
  return { ...routeAlong(compact.operations, active), perfect: true };
}

interface LogicalCompilation {
  readonly compact: WorkCircuit;
  readonly active: readonly number[];
  readonly coupling: Coupling;
  readonly options: CompileOptions;
  readonly level: CompileLevel;
  readonly lengths: NativeLengths;
  readonly passes: PassLog;
}

function compileLogically({
  compact,
  active,
  coupling,
  options,
  level,
  lengths,
  passes,
}: LogicalCompilation): Routed & { perfect: boolean } {
  const { circuit: elided, final } =
    level >= 1 ? elideSwaps(compact) : { circuit: compact, final: undefined };
  let operations = elided.operations;
  if (level >= 1) operations = passes.apply("cancel", operations, cancelPairs);
  if (level >= 2) {
    operations = passes.apply("consolidate", operations, (list) => cancelPairs(consolidate(list)));
    operations = passes.apply("reorder", operations, (list) => reorder(list, lengths));
  }
  if (compact.qubits > coupling.qubits.length)
    throw tooWide(compact.qubits, couplingRegions(coupling));
  const circuit = { ...compact, operations };
  const { layout } = options;
  const seed = options.seed ?? 0n;
  const routed = passes.run("route", () =>
    layout === undefined || layout === "auto" || layout === "physical"
      ? placeAndRoute(circuit, coupling, efforts[level], seed)
      : routeFromLayout(
          circuit,
          coupling,
          active.map((qubit) => layout[qubit] ?? -1),
          seed,
        ),
  );
  if (final === undefined) return routed;
  return { ...routed, finalLayout: final.map((qubit) => routed.finalLayout[qubit] ?? -1) };
}

/** From routed operations to CZ and one-qubit gates, as few as can be found. */
function finishNative(
  routed: readonly WorkOperation[],
  level: CompileLevel,
  lengths: NativeLengths,
  passes: PassLog,
): readonly WorkOperation[] {
  if (level === 0) return passes.apply("expand", routed, (list) => mergeLocals(expandPairs(list)));
  let operations = routed;
  if (level >= 2) {
    operations = passes.apply("merge SWAPs", operations, (list) =>
      cancelPairs(consolidate(mergeLocals(list))),
    );
    operations = passes.apply("reorder", operations, (list) => reorder(list, lengths));
  }
  operations = passes.apply("expand", operations, (list) => cancelPairs(expandPairs(list)));
  if (level < 2) return operations;
  for (let round = 0; round < 3; round++) {
    const before = totalCz(operations);
    const next = cancelPairs(expandPairs(cancelPairs(consolidate(operations))));
    if (totalCz(next) >= before) break;
    operations = passes.list("resynthesise", next);
  }
  return passes.apply("reorder", operations, (list) => mergeLocals(reorder(list, lengths)));
}

interface Described {
  readonly circuit: Circuit;
  readonly options: CompileOptions;
  readonly snapshot: CalibrationSnapshot;
  readonly active: readonly number[];
  readonly routed: Routed & { readonly perfect: boolean };
  readonly template: NativeTemplate;
  readonly level: CompileLevel;
  readonly passes: readonly PassReport[];
}

function describeCompiled({
  circuit,
  options,
  snapshot,
  active,
  routed,
  template,
  level,
  passes,
}: Described): CompiledCircuit {
  const atZero = bindTemplateToZero(template);
  const issues = validateScheduled(options.chip, atZero, snapshot);
  if (issues.length > 0)
    throw QtuneError.fromIssues(
      issues,
      issues.some((issue) => issue.where === "circuit") ? "out_of_range" : "failed_precondition",
    );
  const fidelity = predictedFidelity(atZero, snapshot, options.knobs ?? options.chip.knobs, {
    chip: options.chip,
  });
  const spread = (layout: readonly number[]) => {
    const out = new Array<number>(circuit.qubits).fill(-1);
    active.forEach((qubit, index) => {
      out[qubit] = layout[index] ?? -1;
    });
    return out;
  };
  return {
    template,
    ...(circuit.parameters.length === 0 ? { scheduled: atZero } : {}),
    layout: { initial: spread(routed.initialLayout), final: spread(routed.finalLayout) },
    region: [...new Set([...template.physicalQubits, ...routed.initialLayout])].sort(
      (a, b) => a - b,
    ),
    durationNs: template.durationNs,
    predictedFidelity: fidelity.total,
    fidelity,
    chipQubits: options.chip.topology.qubits,
    snapshotId: snapshot.id,
    report: {
      level,
      passes,
      cz: atZero.instructions.filter((instruction) => instruction.kind === "cz").length,
      pulses: atZero.instructions.filter((instruction) => instruction.kind === "rphi").length,
      layers: countLayers(atZero),
      swaps: routed.swaps,
      perfectLayout: routed.perfect,
    },
  };
}
