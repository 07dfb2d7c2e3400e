/**
 * Runs single circuits on their places: the innermost part of the emulator, shared by the executor and the device daemon.
 * Counts of a task are a pure function of its values, its place (physical qubits), the snapshot, the knobs, the seed and
 * its index; neither threads nor order nor (crosstalk off) neighbours matter.
 */
import { createRandom } from "@qtune/base";
import {
  type CalibrationSnapshot,
  type ChipModel,
  type NoiseKnobs,
  type NoisyProgram,
  type NoisyProgramTemplate,
  buildNoisyProgram,
  createNoisyProgramTemplate,
  hasCrosstalk,
  newestSnapshot,
  resolveKnobs,
} from "@qtune/chip";
import type { Circuit, Counts } from "@qtune/circuit";
import { type NoisySampler, noisyDistribution } from "@qtune/simulator";
import {
  type CompiledCircuit,
  type CompileLevel,
  type CompileOptions,
  type DecouplingSequence,
  type OpenSchedule,
  type ParameterLookup,
  type PlannedPlace,
  bindCompiled,
  compileCircuit,
  openSchedule,
} from "@qtune/transpiler";

import { sampleParts } from "./sample-parts.ts";

/** What all tasks of a runner have in common. */
export interface TaskRunnerOptions {
  readonly chip: ChipModel;
  /** Default: the newest of the chip. Drift is another snapshot. */
  readonly snapshot?: CalibrationSnapshot | undefined;
  readonly knobs?: Partial<NoiseKnobs> | undefined;
  readonly level?: CompileLevel | undefined;
  readonly decoupling?: DecouplingSequence | undefined;
  /** Default: the sampler that the process shares. */
  readonly sampler?: Pick<NoisySampler, "sample"> | undefined;
}

/** One circuit to run. */
export interface ChipTask {
  /** The structure, with measurements. The same object for all tasks of one structure. */
  readonly circuit: Circuit;
  readonly values: ParameterLookup;
  readonly place: PlannedPlace;
}

/** How a task is sampled. */
export interface SampleOptions {
  readonly shots: number;
  readonly seed: bigint;
  /** Index of the task in its batch, and of the measured circuit where one task takes several. */
  readonly index: number;
  readonly part?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Tasks that run beside it; they matter only while crosstalk is on. */
  readonly beside?: readonly ChipTask[] | undefined;
}

/** Runs tasks on one chip with one snapshot. Keeps what it has compiled per structure and place. */
export interface TaskRunner {
  /** Whether neighbours matter. */
  readonly hasCrosstalk: boolean;
  /** The knobs in force: those of the chip, then those of the options. */
  readonly knobs: NoiseKnobs;
  /** Returns the compiled structure on its place. */
  compile(circuit: Circuit, place: PlannedPlace): CompiledCircuit;
  /** Returns the noisy program of a task. Cost: some 50 µs once its structure is compiled there. */
  program(task: ChipTask, beside?: readonly ChipTask[]): NoisyProgram;
  /** Returns the counts of a task. */
  sample(task: ChipTask, options: SampleOptions): Promise<Counts>;
  /** Returns the predicted distribution of a task: what counts tend to. */
  predict(task: ChipTask, beside?: readonly ChipTask[]): Promise<ReadonlyMap<string, number>>;
}

interface Prepared {
  readonly compiled: CompiledCircuit;
  readonly open: OpenSchedule;
  readonly noisy: NoisyProgramTemplate;
}

/**
 * Creates a runner.
 *
 * Effect: what it compiles depends on the options and the structure only, so what it keeps never changes a result.
 */
export function createTaskRunner(options: TaskRunnerOptions): TaskRunner {
  const { chip } = options;
  const snapshot = options.snapshot ?? newestSnapshot(chip);
  const knobs = options.knobs ?? {};
  const resolved = resolveKnobs(chip.knobs, knobs);
  const neighboursMatter = hasCrosstalk(snapshot, resolved);
  const prepared = new WeakMap<Circuit, Map<string, Prepared>>();

  const prepare = (circuit: Circuit, place: PlannedPlace): Prepared => {
    const places = prepared.get(circuit) ?? new Map<string, Prepared>();
    prepared.set(circuit, places);
    const key = `${place.physical === true ? "physical " : ""}${(place.layout ?? place.qubits).join(",")}`;
    const known = places.get(key);
    if (known !== undefined) return known;
    const where = whereToCompile(place);
    const compiled = compileCircuit(circuit, {
      chip,
      snapshot,
      level: options.level,
      decoupling: options.decoupling,
      ...where,
    });
    const open = openSchedule(compiled.template);
    const fresh = {
      compiled,
      open,
      noisy: createNoisyProgramTemplate(open.scheduled, { chip, snapshot, knobs }),
    };
    places.set(key, fresh);
    return fresh;
  };

  const programOf = (
    { circuit, values, place }: ChipTask,
    beside: readonly ChipTask[],
  ): NoisyProgram => {
    const { compiled, open, noisy } = prepare(circuit, place);
    if (neighboursMatter && beside.length > 0) {
      const neighbours = beside.map((other) =>
        bindCompiled(prepare(other.circuit, other.place).compiled, other.values),
      );
      return buildNoisyProgram(bindCompiled(compiled, values), {
        chip,
        snapshot,
        knobs,
        beside: neighbours,
      });
    }
    const angles = open.angles(values);
    return noisy.bind((parameter) => angles.get(parameter) ?? Number.NaN);
  };

  return {
    hasCrosstalk: neighboursMatter,
    knobs: resolved,
    program: (task, beside = []) => programOf(task, beside),
    compile: (circuit, place) => prepare(circuit, place).compiled,
    sample: async (task, { shots, seed, index, part = 0, signal, beside = [] }) => {
      const random = createRandom(seed, "chip task", index, part);
      return sampleParts(
        programOf(task, beside),
        { shots, random, signal },
        options.sampler?.sample,
      );
    },
    predict: async (task, beside = []) => noisyDistribution(programOf(task, beside)),
  };
}

function whereToCompile(place: PlannedPlace): Pick<CompileOptions, "layout" | "region"> {
  if (place.physical === true) return { layout: "physical" };
  return place.layout === undefined ? { region: place.qubits } : { layout: place.layout };
}
