/**
 * Turns a scheduled native circuit into a noisy program: gates with their errors, decay of idle
 * times from the schedule, static detuning, readout. The model follows docs/chip.md; its order of
 * steps is
 *
 *   pulse: decay owed · detuning owed · RPhi · depolarising;  half of its length owed as detuning on either side
 *   CZ:    decay owed by both · CZ with coherent errors · depolarising · leakage;  detuning commutes and stays owed
 *
 * "Owed" time piles up over waits and gates and is paid in one step before the next operation that
 * it does not commute with, so a program has few steps. Left out on purpose: what happens to an
 * unmeasured qubit after its last gate.
 */
import { QtuneError } from "@qtune/base";
import { type Angle, evaluateAngle, isBoundAngle } from "@qtune/circuit";
import type { CalibrationSnapshot } from "../calibration.ts";
import { type ChipModel, newestSnapshot } from "../chip-model.ts";
import type { NoisyProgram, NoisyReadout, NoisyStep } from "../noisy-program.ts";
import type {
  CzInstruction,
  MeasureInstruction,
  PulseInstruction,
  ScheduledCircuit,
} from "../scheduled-circuit.ts";
import { type CrosstalkEvent, findCrosstalk } from "./crosstalk.ts";
import { depolarisingProbabilities } from "./gate-budget.ts";
import { type NoiseKnobs, resolveKnobs } from "./knobs.ts";
import {
  type CouplerNoise,
  type NoiseRates,
  type QubitNoise,
  createNoiseRates,
} from "./noise-rates.ts";
import {
  conditionalPhaseStep,
  czStep,
  flipStep,
  freshPulseStep,
  leakageStep,
  pulseStep,
  relaxationStep,
  rzStep,
} from "./steps.ts";

/** What a noisy program is built from besides the schedule. */
export interface NoiseOptions {
  readonly chip: ChipModel;
  /** Default: the newest of the chip. */
  readonly snapshot?: CalibrationSnapshot | undefined;
  /** What differs from the knobs of the chip. */
  readonly knobs?: Partial<NoiseKnobs> | undefined;
  /**
   * Circuits that run beside this one; they matter only while crosstalk is on. Aligned at the
   * common readout.
   */
  readonly beside?: readonly ScheduledCircuit[] | undefined;
}

/**
 * The noisy program of a schedule whose angles are still open: built once, bound per row of a
 * batch.
 */
export interface NoisyProgramTemplate {
  /**
   * Returns the program for values of the parameters. Cost: one matrix per pulse that depends on
   * them.
   */
  readonly bind: (lookup: (parameter: string) => number) => NoisyProgram;
}

/** A step, or a pulse that waits for its angles. */
type TemplateStep =
  | { readonly kind: "fixed"; readonly step: NoisyStep }
  | {
      readonly kind: "pulse";
      readonly qubit: number;
      readonly thetaRad: Angle;
      readonly phiRad: Angle;
      readonly gain: number;
    };

/**
 * Builds the noisy program of a schedule without open parameters.
 *
 * Effect: pure.
 * Cost:   O(instructions).
 * Errors: invalid_argument for an open parameter or a bad knob, failed_precondition for a qubit or
 *         coupler that the snapshot does not calibrate.
 */
export function buildNoisyProgram(
  scheduled: ScheduledCircuit,
  options: NoiseOptions,
): NoisyProgram {
  return createNoisyProgramTemplate(scheduled, options).bind((parameter) => {
    throw new QtuneError("invalid_argument", `parameter ${parameter} has no value`, {
      where: "scheduled",
    });
  });
}

/** Builds the program once for all rows of a batch. Errors: as {@link buildNoisyProgram}. */
export function createNoisyProgramTemplate(
  scheduled: ScheduledCircuit,
  options: NoiseOptions,
): NoisyProgramTemplate {
  const snapshot = options.snapshot ?? newestSnapshot(options.chip);
  const rates = createNoiseRates(snapshot, resolveKnobs(options.chip.knobs, options.knobs ?? {}));
  const builder = new ProgramBuilder(scheduled, rates);
  const crosstalk = findCrosstalk(scheduled, options.beside ?? [], options.chip, rates);
  const steps = builder.build(crosstalk);
  const fixed = {
    qubits: scheduled.physicalQubits.length,
    physicalQubits: scheduled.physicalQubits,
    clbits: scheduled.clbits,
    detuningSigmaRadPerNs: scheduled.physicalQubits.map(
      (qubit) => rates.qubit(qubit).detuningSigmaRadPerNs,
    ),
    readout: buildReadout(scheduled, rates),
  };
  return { bind: (lookup) => ({ ...fixed, steps: steps.map((step) => bindStep(step, lookup)) }) };
}

function bindStep(step: TemplateStep, lookup: (parameter: string) => number): NoisyStep {
  if (step.kind === "fixed") return step.step;
  const theta = evaluateAngle(step.thetaRad, lookup);
  return freshPulseStep(step.qubit, theta * step.gain, evaluateAngle(step.phiRad, lookup));
}

/** What a compact qubit owes at the moment. */
interface Debt {
  /**
   * Up to where its time is accounted, ns; undefined before its first instruction, when it rests in
   * |0⟩.
   */
  clockNs: number | undefined;
  t1Exponent: number;
  phiExponent: number;
  detuningNs: number;
}

/** Walks the schedule once and collects steps. Lives for one build. */
class ProgramBuilder {
  readonly #scheduled: ScheduledCircuit;
  readonly #rates: NoiseRates;
  readonly #compact: ReadonlyMap<number, number>;
  readonly #debts: Debt[];
  readonly #noises: readonly QubitNoise[];
  /** Coupled pairs of compact qubits with ZZ, and up to where it is paid. */
  readonly #zz: {
    readonly pair: readonly [number, number];
    readonly radPerNs: number;
    paidNs: number;
  }[];
  readonly #steps: TemplateStep[] = [];
  /** Equal steps are one object, so that engines work each out once. */
  readonly #shared = new Map<string, NoisyStep | undefined>();

  constructor(scheduled: ScheduledCircuit, rates: NoiseRates) {
    this.#scheduled = scheduled;
    this.#rates = rates;
    this.#compact = new Map(scheduled.physicalQubits.map((qubit, index) => [qubit, index]));
    this.#noises = scheduled.physicalQubits.map((qubit) => {
      assertLive(rates, qubit);
      return rates.qubit(qubit);
    });
    this.#debts = scheduled.physicalQubits.map(() => ({
      clockNs: undefined,
      t1Exponent: 0,
      phiExponent: 0,
      detuningNs: 0,
    }));
    this.#zz = this.#findZz();
  }

  build(crosstalk: readonly CrosstalkEvent[]): readonly TemplateStep[] {
    for (const [qubit, noise] of this.#noises.entries()) {
      this.#push(flipStep(qubit, noise.thermalPopulation));
    }
    const events = [
      ...this.#scheduled.instructions.map((instruction, order) => ({
        startNs: instruction.startNs,
        order,
        instruction,
      })),
      ...crosstalk.map((event, order) => ({ startNs: event.startNs, order: 1e9 + order, event })),
    ].sort((a, b) => a.startNs - b.startNs || a.order - b.order);
    for (const item of events) {
      if ("event" in item) this.#crosstalk(item.event);
      else if (item.instruction.kind === "rphi") this.#pulse(item.instruction);
      else if (item.instruction.kind === "cz") this.#cz(item.instruction);
      else if (item.instruction.kind === "measure") this.#measure(item.instruction);
      else this.#startClock(this.#index(item.instruction.qubit), item.instruction.startNs);
    }
    return this.#steps;
  }

  #pulse(pulse: PulseInstruction): void {
    const qubit = this.#index(pulse.qubit);
    const noise = this.#noise(qubit);
    const budget = noise.pulse(pulse.durationNs);
    this.#wait(qubit, pulse.startNs);
    const debt = this.#debt(qubit);
    debt.detuningNs += pulse.durationNs / 2;
    this.#payZz(qubit, pulse.startNs + pulse.durationNs / 2);
    this.#payDecay(qubit);
    this.#payDetuning(qubit);
    this.#pushPulse(qubit, pulse, 1 + noise.overRotation);
    this.#pushDepolarising([qubit], budget.depolarising);
    debt.detuningNs = pulse.durationNs / 2;
    this.#oweDecay(qubit, budget.decayNs, pulse.startNs + pulse.durationNs);
  }

  #pushPulse(
    qubit: number,
    pulse: Pick<PulseInstruction, "thetaRad" | "phiRad">,
    gain: number,
  ): void {
    const { thetaRad, phiRad } = pulse;
    if (isBoundAngle(thetaRad) && isBoundAngle(phiRad)) {
      this.#push(pulseStep(qubit, thetaRad * gain, phiRad));
    } else {
      this.#steps.push({ kind: "pulse", qubit, thetaRad, phiRad, gain });
    }
  }

  #cz(cz: CzInstruction): void {
    const [physicalFirst, physicalSecond] = cz.qubits;
    const first = this.#index(physicalFirst);
    const second = this.#index(physicalSecond);
    const noise = this.#couplerNoise(physicalFirst, physicalSecond);
    const budget = noise.cz(cz.durationNs);
    for (const qubit of [first, second]) {
      this.#wait(qubit, cz.startNs);
      this.#payDecay(qubit);
    }
    const swapped = physicalFirst > physicalSecond;
    this.#push(
      czStep([first, second], {
        conditionalRad: noise.conditionalRad,
        firstRad: swapped ? noise.phaseBRad : noise.phaseARad,
        secondRad: swapped ? noise.phaseARad : noise.phaseBRad,
      }),
    );
    this.#pushDepolarising([first, second], budget.depolarising);
    for (const qubit of [first, second]) {
      this.#push(leakageStep(qubit, noise.leakage));
      this.#debt(qubit).detuningNs += cz.durationNs;
      this.#oweDecay(qubit, budget.decayNs, cz.startNs + cz.durationNs);
    }
  }

  #measure(measure: MeasureInstruction): void {
    const qubit = this.#index(measure.qubit);
    this.#wait(qubit, measure.startNs);
    this.#payDecay(qubit); // what is still owed as detuning does not change populations
  }

  #crosstalk(event: CrosstalkEvent): void {
    const qubits = event.qubits.map((qubit) => this.#index(qubit));
    const [qubit = 0] = qubits; // an event has at least one qubit
    switch (event.kind) {
      case "phase":
        this.#push(rzStep(qubit, event.angleRad));
        return;
      case "zz": {
        // Half of the time RZ(angle), half of the time nothing: RZ of the mean, then a phase flip.
        const flip = Math.sin(event.angleRad / 4) ** 2;
        this.#push(rzStep(qubit, event.angleRad / 2));
        this.#push({ kind: "pauli", qubits, probabilities: [1 - flip, 0, 0, flip] });
        return;
      }
      case "drive":
        this.#startClock(qubit, event.startNs);
        this.#payZz(qubit, event.startNs);
        this.#payDecay(qubit);
        this.#payDetuning(qubit);
        this.#pushPulse(qubit, event, event.gain);
        return;
      case "depolarising":
        this.#pushDepolarising(qubits, event.factor);
        return;
      default:
        event satisfies never;
    }
  }

  #index(physical: number): number {
    const index = this.#compact.get(physical);
    if (index !== undefined) return index;
    throw new QtuneError(
      "invalid_argument",
      `expected one of the qubits ${[...this.#compact.keys()].join(", ")} but was given ${physical}`,
      {
        where: "scheduled.instructions",
      },
    );
  }

  #noise(qubit: number): QubitNoise {
    const noise = this.#noises[qubit];
    if (noise === undefined) throw new RangeError("internal: compact qubit out of range");
    return noise;
  }

  #debt(qubit: number): Debt {
    const debt = this.#debts[qubit];
    if (debt === undefined) throw new RangeError("internal: compact qubit out of range");
    return debt;
  }

  #couplerNoise(a: number, b: number): CouplerNoise {
    if (!this.#rates.view.czError.has(a < b ? `${a}-${b}` : `${b}-${a}`)) {
      throw new QtuneError(
        "failed_precondition",
        `CZ on (${a}, ${b}) is not calibrated in ${this.#rates.view.snapshot.id}`,
        {
          where: "scheduled.instructions",
        },
      );
    }
    return this.#rates.coupler(a, b);
  }

  #startClock(qubit: number, timeNs: number): void {
    this.#debt(qubit).clockNs ??= timeNs;
  }

  /**
   * Owes the idle time since the qubit's last instruction. Before the first one it rests in its
   * initial state.
   */
  #wait(qubit: number, untilNs: number): void {
    const debt = this.#debt(qubit);
    const idleNs = Math.max(0, untilNs - (debt.clockNs ?? untilNs));
    const { t1Rate, phiRate } = this.#noise(qubit);
    debt.t1Exponent += idleNs * t1Rate;
    debt.phiExponent += idleNs * phiRate;
    debt.detuningNs += idleNs;
    debt.clockNs = untilNs;
  }

  /** Owes the decay within a gate. */
  #oweDecay(qubit: number, decayNs: number, untilNs: number): void {
    const debt = this.#debt(qubit);
    const { t1Ns, markovianT2Ns } = this.#noise(qubit).decay;
    debt.t1Exponent += decayNs / t1Ns;
    debt.phiExponent += decayNs * Math.max(0, 1 / markovianT2Ns - 1 / (2 * t1Ns));
    debt.clockNs = untilNs;
  }

  #payDecay(qubit: number): void {
    const debt = this.#debt(qubit);
    const { t1Exponent, phiExponent } = debt;
    const population = this.#noise(qubit).thermalPopulation;
    const key = `decay ${qubit} ${t1Exponent} ${phiExponent}`;
    this.#push(
      this.#share(key, () => relaxationStep(qubit, { t1Exponent, phiExponent, population })),
    );
    debt.t1Exponent = 0;
    debt.phiExponent = 0;
  }

  #payDetuning(qubit: number): void {
    const debt = this.#debt(qubit);
    if (debt.detuningNs > 0 && this.#noise(qubit).detuningSigmaRadPerNs > 0) {
      this.#push({ kind: "detuning", qubit, durationNs: debt.detuningNs });
    }
    debt.detuningNs = 0;
  }

  /** Pays the ZZ of every pair of the qubit up to a time. */
  #payZz(qubit: number, untilNs: number): void {
    for (const entry of this.#zz) {
      if (!entry.pair.includes(qubit)) continue;
      this.#push(conditionalPhaseStep(entry.pair, -entry.radPerNs * (untilNs - entry.paidNs)));
      entry.paidNs = untilNs;
    }
  }

  #findZz(): { pair: readonly [number, number]; radPerNs: number; paidNs: number }[] {
    const pairs: { pair: readonly [number, number]; radPerNs: number; paidNs: number }[] = [];
    const start = Math.min(...this.#scheduled.instructions.map(({ startNs }) => startNs));
    for (const { a, b } of this.#rates.view.couplers) {
      const first = this.#compact.get(a);
      const second = this.#compact.get(b);
      if (first === undefined || second === undefined) continue;
      const radPerNs = this.#rates.coupler(a, b).zzRadPerNs;
      if (radPerNs !== 0) pairs.push({ pair: [first, second], radPerNs, paidNs: start });
    }
    return pairs;
  }

  #pushDepolarising(qubits: readonly number[], lambda: number): void {
    if (lambda === 1) return;
    const key = `depolarising ${qubits.join(",")} ${lambda}`;
    const probabilities = (): readonly number[] =>
      depolarisingProbabilities(lambda, qubits.length === 1 ? 1 : 2);
    this.#push(this.#share(key, () => ({ kind: "pauli", qubits, probabilities: probabilities() })));
  }

  #share(key: string, make: () => NoisyStep | undefined): NoisyStep | undefined {
    if (!this.#shared.has(key)) this.#shared.set(key, make());
    return this.#shared.get(key);
  }

  #push(step: NoisyStep | undefined): void {
    if (step !== undefined) this.#steps.push({ kind: "fixed", step });
  }
}

function assertLive(rates: NoiseRates, qubit: number): void {
  if (rates.view.neighbours[qubit] !== undefined && rates.view.live.includes(qubit)) return;
  throw new QtuneError(
    "failed_precondition",
    `qubit ${qubit} is not calibrated in ${rates.view.snapshot.id}`,
    {
      where: "scheduled.physicalQubits",
    },
  );
}

function buildReadout(scheduled: ScheduledCircuit, rates: NoiseRates): NoisyReadout {
  const measures = scheduled.instructions
    .filter((instruction) => instruction.kind === "measure")
    .sort((a, b) => a.clbit - b.clbit);
  const position = new Map(measures.map(({ qubit }, index) => [qubit, index]));
  const correlatedFlips: { first: number; second: number; probability: number }[] = [];
  for (const { a, b } of rates.view.couplers) {
    const first = position.get(a);
    const second = position.get(b);
    if (first === undefined || second === undefined) continue;
    const probability = rates.coupler(a, b).readoutFlip;
    if (probability > 0) correlatedFlips.push({ first, second, probability });
  }
  return {
    measured: measures.map(({ qubit, clbit }) => ({
      qubit: scheduled.physicalQubits.indexOf(qubit),
      clbit,
    })),
    flips: measures.map(({ qubit }) => rates.qubit(qubit).readout),
    correlatedFlips,
  };
}
