/**
 * From a batch of circuits to chip jobs: slices of at most 200 circuits in order, each packed into executions in which
 * circuits run side by side. A plan is plain data: storing it and running it later gives the same counts.
 */
import {
  type CalibrationSnapshot,
  type ChipModel,
  type NoiseKnobs,
  chipJobSeconds,
  hasCrosstalk,
  newestSnapshot,
  resolveKnobs,
} from "@qtune/chip";
import type { Circuit } from "@qtune/circuit";
import { builtNeighbours, couplingOf } from "./chip-coupling.ts";
import { compileCircuit } from "./compile.ts";
import { type Coupling, restrictCoupling } from "./coupling.ts";
import { type PackItem, packRounds } from "./packing.ts";
import { type PlacedCrosstalk, createPlacedCrosstalk } from "./placed-crosstalk.ts";
import { type CircuitPlace, type PlaceOptions, listPlaces } from "./places.ts";

/** How circuits are packed. */
export interface PackingOptions extends PlaceOptions {
  /**
   * Idle qubits around each circuit: 1 keeps all neighbours of its qubits idle, 0 none. Default 1. With 0 and crosstalk on,
   * circuits that stand beside each other are weighed by what they cost each other, and the floors hold with that included.
   */
  readonly bufferQubits?: 0 | 1 | undefined;
  /** False: one circuit per execution, on its best place. Default true. */
  readonly parallel?: boolean | undefined;
  /** Physical qubits to stay on. Default: the whole chip. */
  readonly region?: readonly number[] | undefined;
  /**
   * `physical`: qubit i of every circuit is qubit i of the chip and nothing is mapped or cancelled; one circuit per execution.
   * Default `auto`.
   */
  readonly layout?: "auto" | "physical" | undefined;
  /** Tries per packing problem. Default 12. */
  readonly restarts?: number | undefined;
}

/** What to plan. */
export interface ChipPlanRequest {
  readonly chip: ChipModel;
  /** Default: the newest of the chip. */
  readonly snapshot?: CalibrationSnapshot | undefined;
  /** Distinct structures, with measurements. */
  readonly circuits: readonly Circuit[];
  /** The circuits to run, in order: which structure, and whose. */
  readonly items: readonly PackItem[];
  readonly seed: bigint;
  readonly packing?: PackingOptions | undefined;
  /** Knobs of the noise model for crosstalk. Default: those of the chip. */
  readonly knobs?: Partial<NoiseKnobs> | undefined;
}

/** One circuit in an execution. */
export interface PlannedItem {
  /** Index into the items of the request. */
  readonly item: number;
  /** Index into the places of its structure. */
  readonly place: number;
  /** Predicted fidelity beside the others of its execution. Absent while crosstalk is off: that of its place. */
  readonly predictedFidelity?: number;
}

/** Circuits that run side by side: one measurement run of the chip. */
export interface ChipExecution {
  readonly items: readonly PlannedItem[];
}

/** At most 200 circuits that are loaded together. */
export interface ChipJob {
  readonly executions: readonly ChipExecution[];
  readonly circuits: number;
}

/** Where and when everything runs. */
export interface ChipPlan {
  readonly snapshotId: string;
  readonly seed: bigint;
  /** The places in use of each structure. `predictedFidelity` is that of its gates and readout. */
  readonly places: readonly (readonly PlannedPlace[])[];
  readonly jobs: readonly ChipJob[];
  /** Executions of all jobs. */
  readonly executions: number;
  /** Most circuits, and the mean number of circuits, side by side in one execution. */
  readonly parallelMax: number;
  readonly parallelMean: number;
}

/** A place of a plan. */
export interface PlannedPlace {
  readonly qubits: readonly number[];
  /** Physical qubit of each qubit; absent where the circuit is routed inside `qubits`. */
  readonly layout?: readonly number[];
  /** The circuit runs as it is written, on the qubits that it names. */
  readonly physical?: true;
  readonly predictedFidelity: number;
}

/**
 * Plans chip jobs for circuits.
 *
 * Maths:  see `packing.ts`. A pure function of (snapshot, circuits, items, seed, options): drift enters as another snapshot.
 * Effect: pure.
 * Cost:   200 four-qubit circuits of one structure on 72 qubits: some 10 ms; places are found once per structure.
 * Errors: failed_precondition when a structure fits nowhere (says which size does) or no place reaches the floor;
 *         invalid_argument for what a chip cannot do.
 */
export function planChipJobs(request: ChipPlanRequest): ChipPlan {
  const { chip, circuits, items, seed, packing = {} } = request;
  const snapshot = request.snapshot ?? newestSnapshot(chip);
  const whole = couplingOf(chip, snapshot);
  const coupling =
    packing.region === undefined
      ? whole
      : restrictCoupling(whole, packing.region, "packing.region");
  const alone = packing.parallel === false || packing.layout === "physical";
  const candidates = circuits.map((circuit): readonly CircuitPlace[] => {
    if (packing.layout === "physical") return [physicalPlace(circuit, chip, snapshot)];
    const places = knownPlaces(circuit, coupling, packing);
    return alone ? places.slice(0, 1) : places;
  });
  const buffer =
    (packing.bufferQubits ?? 1) === 1 ? builtNeighbours(chip) : coupling.neighbours.map(() => []);
  const knobs = resolveKnobs(chip.knobs, request.knobs ?? {});
  const crosstalk = hasCrosstalk(snapshot, knobs)
    ? createPlacedCrosstalk({ chip, snapshot, knobs, circuits, places: candidates })
    : undefined;
  const jobs: ChipJob[] = [];
  const cache = new Map<string, readonly (readonly PlannedItem[])[]>();
  for (let start = 0; start < items.length; start += chip.limits.maxCircuitsPerJob) {
    const slice = items.slice(start, start + chip.limits.maxCircuitsPerJob);
    const key = slice.map((item) => `${item.shape}:${item.user ?? ""}`).join(" ");
    const rounds = cache.get(key) ?? packJob(slice);
    cache.set(key, rounds);
    const executions = rounds.map((round) => ({
      items: round.map(({ item, place }) => ({ item: start + item, place })),
    }));
    jobs.push({ executions, circuits: slice.length });
  }
  return summarise({ snapshotId: snapshot.id, seed, jobs, candidates, items, crosstalk });

  function packJob(slice: readonly PackItem[]): readonly (readonly PlannedItem[])[] {
    if (alone) return slice.map((_, item) => [{ item, place: 0 }]);
    return packRounds({
      size: coupling.size,
      buffer,
      shapes: candidates,
      items: slice,
      seed,
      ...(packing.restarts === undefined ? {} : { restarts: packing.restarts }),
      crosstalk: packing.bufferQubits === 0 ? crosstalk?.between(packing) : undefined,
    });
  }
}

/** Places by coupling, structure and floor: a training run plans the same structure again and again. */
const placesOf = new WeakMap<Coupling, WeakMap<Circuit, Map<string, readonly CircuitPlace[]>>>();

function knownPlaces(
  circuit: Circuit,
  coupling: Coupling,
  options: PlaceOptions,
): readonly CircuitPlace[] {
  const byCircuit =
    placesOf.get(coupling) ?? new WeakMap<Circuit, Map<string, readonly CircuitPlace[]>>();
  placesOf.set(coupling, byCircuit);
  const byOptions = byCircuit.get(circuit) ?? new Map<string, readonly CircuitPlace[]>();
  byCircuit.set(circuit, byOptions);
  const key = `${options.relativeFloor} ${options.minFidelity} ${options.maxPlaces}`;
  const places = byOptions.get(key) ?? listPlaces(circuit, coupling, options);
  byOptions.set(key, places);
  return places;
}

/** The qubits that a circuit names. */
function physicalPlace(
  circuit: Circuit,
  chip: ChipModel,
  snapshot: CalibrationSnapshot,
): CircuitPlace {
  const compiled = compileCircuit(circuit, { chip, snapshot, layout: "physical" });
  return {
    qubits: compiled.region,
    layout: compiled.layout.initial,
    physical: true,
    cost: -Math.log(Math.max(compiled.predictedFidelity, 1e-300)),
  };
}

interface Summarised {
  readonly snapshotId: string;
  readonly seed: bigint;
  readonly jobs: readonly ChipJob[];
  readonly candidates: readonly (readonly CircuitPlace[])[];
  readonly items: readonly PackItem[];
  readonly crosstalk: PlacedCrosstalk | undefined;
}

/** Keeps the places that are used, numbered anew from the cheapest, and counts. */
function summarise(summarised: Summarised): ChipPlan {
  const { snapshotId, seed, jobs, candidates, items, crosstalk } = summarised;
  const shapeOf = (item: number): number => items[item]?.shape ?? -1;
  const used = candidates.map(() => new Set<number>());
  const all = jobs.flatMap((job) => job.executions);
  for (const execution of all) {
    for (const { item, place } of execution.items) used[shapeOf(item)]?.add(place);
  }
  const kept = used.map((places) => [...places].sort((a, b) => a - b));
  const numbers = kept.map((places) => new Map(places.map((place, index) => [place, index])));
  const renumber = (execution: ChipExecution): ChipExecution => {
    const placed = execution.items.map(({ item, place }) => ({ shape: shapeOf(item), place }));
    return {
      items: execution.items.map(({ item, place }, at) => ({
        item,
        place: numbers[shapeOf(item)]?.get(place) ?? -1,
        ...(crosstalk === undefined ? {} : { predictedFidelity: crosstalk.fidelity(placed, at) }),
      })),
    };
  };
  const circuits = all.reduce((sum, execution) => sum + execution.items.length, 0);
  return {
    snapshotId,
    seed,
    places: kept.map((places, shape) =>
      places.flatMap((place) =>
        describePlace(candidates[shape]?.[place], crosstalk?.fidelity([{ shape, place }], 0)),
      ),
    ),
    jobs: jobs.map((job) => ({
      ...job,
      executions: job.executions.map(renumber),
    })),
    executions: all.length,
    parallelMax: all.reduce((most, execution) => Math.max(most, execution.items.length), 0),
    parallelMean: all.length === 0 ? 0 : circuits / all.length,
  };
}

function describePlace(
  place: CircuitPlace | undefined,
  withCrosstalk: number | undefined,
): PlannedPlace[] {
  if (place === undefined) return [];
  const { qubits, layout, physical, cost } = place;
  return [
    {
      qubits,
      ...(layout === undefined ? {} : { layout }),
      ...(physical === undefined ? {} : { physical }),
      predictedFidelity: withCrosstalk ?? Math.exp(-cost),
    },
  ];
}

/** Returns the seconds that the chip is busy with a plan, every circuit with the same number of shots. */
export function planChipSeconds(plan: ChipPlan, chip: ChipModel, shots: number): number {
  return plan.jobs.reduce(
    (sum, job) =>
      sum +
      chipJobSeconds(chip.timing, {
        circuits: job.circuits,
        executions: job.executions.length,
        shots,
      }),
    0,
  );
}
