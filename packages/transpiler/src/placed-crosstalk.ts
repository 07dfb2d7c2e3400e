/**
 * What circuits on their places do to each other: each is compiled where it may go, and the events of the noise model between
 * two neighbours are priced. Everything is found when it is asked for and kept for the plan.
 */
import {
  type CalibrationSnapshot,
  type ChipModel,
  type NoiseKnobs,
  type ScheduledCircuit,
  crosstalkCost,
} from "@qtune/chip";
import type { Circuit } from "@qtune/circuit";
import { builtNeighbours } from "./chip-coupling.ts";
import { compileCircuit } from "./compile.ts";
import type { PackCrosstalk, ShapePlace } from "./packing.ts";
import { type CircuitPlace, type PlaceOptions, costLimit } from "./places.ts";
import { createQubitSet, intersects } from "./qubit-set.ts";
import { openSchedule } from "./template.ts";

/** Crosstalk of a plan. */
export interface PlacedCrosstalk {
  /** Predicted fidelity of one circuit of an execution beside the others. */
  fidelity(execution: readonly ShapePlace[], at: number): number;
  /** What the packer weighs, with the floors of the options. */
  between(options: PlaceOptions): PackCrosstalk;
}

/** Which circuits may go where. Shapes: `circuits` and `places` one entry per structure. */
export interface PlacedCircuits {
  readonly chip: ChipModel;
  readonly snapshot: CalibrationSnapshot;
  readonly knobs: NoiseKnobs;
  readonly circuits: readonly Circuit[];
  readonly places: readonly (readonly CircuitPlace[])[];
}

/** Creates the crosstalk of a plan. Cost: 1 to 5 ms for each place that is asked about, 20 µs for each pair of neighbours. */
export function createPlacedCrosstalk(placed: PlacedCircuits): PlacedCrosstalk {
  const { chip, snapshot, knobs, places } = placed;
  const scheduleAt = rememberByPlace((at) => scheduleOf(placed, at));
  const neighbours = builtNeighbours(chip);
  const regionAt = rememberByPlace(({ shape, place }) => {
    const qubits = places[shape]?.[place]?.qubits ?? [];
    const near = qubits.flatMap((qubit) => neighbours[qubit] ?? []);
    const size = chip.topology.qubits;
    return { qubits: createQubitSet(size, qubits), near: createQubitSet(size, near) };
  });
  const cost = (at: ShapePlace, beside: readonly ShapePlace[]): number => {
    const company = beside
      .filter((other) => intersects(regionAt(at).near, regionAt(other).qubits))
      .map(scheduleAt);
    return crosstalkCost(scheduleAt(at), { chip, snapshot, knobs, beside: company });
  };
  const alone = rememberByPlace((at) => cost(at, []));
  const pairs = new Map<string, number>();
  return {
    fidelity: (execution, at) => {
      const own = execution[at];
      if (own === undefined) return 0;
      const ownCost = places[own.shape]?.[own.place]?.cost ?? Infinity;
      const others = execution.filter((_, index) => index !== at);
      return Math.exp(-ownCost - cost(own, others));
    },
    between: (options) => ({
      costBeside: (of, beside) => {
        if (!intersects(regionAt(of).near, regionAt(beside).qubits)) return 0;
        const key = `${keyOf(of)} ${keyOf(beside)}`;
        const found = pairs.get(key) ?? cost(of, [beside]) - alone(of);
        pairs.set(key, found);
        return found;
      },
      maxCost: places.map((list) => costLimit(list[0]?.cost ?? Infinity, options)),
    }),
  };
}

function scheduleOf(
  { chip, snapshot, knobs, circuits, places }: PlacedCircuits,
  { shape, place }: ShapePlace,
): ScheduledCircuit {
  const circuit = circuits[shape];
  const where = places[shape]?.[place];
  if (circuit === undefined || where === undefined)
    throw new RangeError("internal: a place is not in the problem");
  const layout = where.physical === true ? ("physical" as const) : where.layout;
  const at = layout === undefined ? { region: where.qubits } : { layout };
  return openSchedule(compileCircuit(circuit, { chip, snapshot, knobs, ...at }).template).scheduled;
}

function keyOf({ shape, place }: ShapePlace): string {
  return `${shape}.${place}`;
}

function rememberByPlace<T>(compute: (at: ShapePlace) => T): (at: ShapePlace) => T {
  const known = new Map<string, { readonly value: T }>();
  return (at) => {
    const key = keyOf(at);
    const found = known.get(key) ?? { value: compute(at) };
    known.set(key, found);
    return found.value;
  };
}
