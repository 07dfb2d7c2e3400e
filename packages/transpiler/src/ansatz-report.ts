/**
 * What a chip makes of the ring ansatz and of its open chain, side by side: the price of the closing edge in CZ, time, fidelity
 * and places, and the price of leaving it out in weights. What the missing edge does to learning is for a study to say.
 */
import { type CalibrationSnapshot, type ChipModel, newestSnapshot } from "@qtune/chip";
import { type Circuit, type Operation, ringAnsatz, ringWeightCount } from "@qtune/circuit";
import { compileCircuit } from "./compile.ts";
import { type PackingOptions, planChipJobs, planChipSeconds } from "./plan.ts";

/** One of the two forms on a chip. */
export interface AnsatzOnChip {
  readonly ansatz: "ring" | "path";
  readonly weights: number;
  readonly cz: number;
  readonly swaps: number;
  readonly durationNs: number;
  /** On the best place, and the mean over the places that run side by side. */
  readonly bestFidelity: number;
  readonly meanFidelity: number;
  /** Disjoint places at once, and executions for a chip job of 200 circuits. */
  readonly parallelMax: number;
  readonly executionsPer200: number;
  /** Chip seconds of 200 circuits of 1,000 shots. */
  readonly chipSecondsPer200: number;
}

/** Both forms. */
export interface AnsatzReport {
  readonly n: number;
  readonly layers: number;
  readonly snapshotId: string;
  readonly ring: AnsatzOnChip;
  readonly path: AnsatzOnChip;
}

/** What to report on. */
export interface AnsatzReportOptions {
  readonly chip: ChipModel;
  readonly snapshot?: CalibrationSnapshot | undefined;
  readonly n: number;
  readonly layers: number;
  readonly seed?: bigint | undefined;
  readonly packing?: PackingOptions | undefined;
}

/**
 * Compares ring and path on a chip.
 *
 * Effect: pure. Cost: two plans and a few compilations, some 100 ms.
 * Errors: those of {@link planChipJobs}.
 */
export function reportAnsatz(options: AnsatzReportOptions): AnsatzReport {
  const { n, layers } = options;
  const snapshot = options.snapshot ?? newestSnapshot(options.chip);
  const ring = onChip("ring", options, snapshot);
  return { n, layers, snapshotId: snapshot.id, ring, path: onChip("path", options, snapshot) };
}

function onChip(
  ansatz: "ring" | "path",
  options: AnsatzReportOptions,
  snapshot: CalibrationSnapshot,
): AnsatzOnChip {
  const { chip, n, layers, seed = 0n, packing } = options;
  const circuit = measureAll(ringAnsatz({ n, layers, ansatz }));
  const items = Array.from({ length: chip.limits.maxCircuitsPerJob }, () => ({ shape: 0 }));
  const plan = planChipJobs({ chip, snapshot, circuits: [circuit], items, seed, packing });
  const used = new Set(
    plan.jobs.flatMap((job) =>
      job.executions.flatMap((execution) => execution.items.map(({ place }) => place)),
    ),
  );
  const compiled = [...used].flatMap((place) => {
    const where = plan.places[0]?.[place];
    if (where === undefined) return [];
    return [
      compileCircuit(circuit, {
        chip,
        snapshot,
        seed,
        ...(where.layout === undefined ? { region: where.qubits } : { layout: where.layout }),
      }),
    ];
  });
  const fidelities = compiled.map((one) => one.predictedFidelity);
  const best = compiled.reduce((found, one) =>
    one.predictedFidelity > found.predictedFidelity ? one : found,
  );
  return {
    ansatz,
    weights: ringWeightCount({ n, layers, ansatz }),
    cz: best.report.cz,
    swaps: best.report.swaps,
    durationNs: best.durationNs,
    bestFidelity: best.predictedFidelity,
    meanFidelity: fidelities.reduce((sum, fidelity) => sum + fidelity, 0) / fidelities.length,
    parallelMax: plan.parallelMax,
    executionsPer200: plan.executions,
    chipSecondsPer200: planChipSeconds(plan, chip, 1000),
  };
}

function measureAll(circuit: Circuit): Circuit {
  const measures = Array.from({ length: circuit.qubits }, (_, qubit): Operation => ({
    kind: "measure",
    qubit,
    clbit: qubit,
  }));
  return { ...circuit, clbits: circuit.qubits, operations: [...circuit.operations, ...measures] };
}

/** Prints a report as lines for people: what the closing edge costs, what leaving it out saves. */
export function printAnsatzReport({ n, layers, ring, path }: AnsatzReport): string {
  const row = (name: string, of: (one: AnsatzOnChip) => string) =>
    `${name.padEnd(34)}${of(ring).padStart(12)}${of(path).padStart(12)}`;
  return [
    `${`n = ${n}, L = ${layers}`.padEnd(34)}${"ring".padStart(12)}${"path".padStart(12)}`,
    row("weights", (one) => String(one.weights)),
    row("CZ", (one) => String(one.cz)),
    row("SWAPs", (one) => String(one.swaps)),
    row("duration, ns", (one) => one.durationNs.toFixed(0)),
    row("predicted fidelity, best place", (one) => one.bestFidelity.toFixed(3)),
    row("predicted fidelity, mean", (one) => one.meanFidelity.toFixed(3)),
    row("circuits side by side", (one) => String(one.parallelMax)),
    row("executions per 200 circuits", (one) => String(one.executionsPer200)),
    row("chip seconds per 200 circuits", (one) => one.chipSecondsPer200.toFixed(1)),
  ].join("\n");
}
