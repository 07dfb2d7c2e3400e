import { QtuneError } from "@qtune/base";
import {
  type CalibrationSnapshot,
  type ChipModel,
  type DriftState,
  type NoiseKnobs,
  createCalibrationView,
  driftBy,
  newestSnapshot,
} from "@qtune/chip";
import type {
  BatchResult,
  CircuitBatch,
  Counts,
  Executor,
  ExecutorDescription,
  ExecutorEstimate,
  RunOptions,
} from "@qtune/circuit";
import { createNoisySampler } from "@qtune/simulator";
import type { ChipPlan, CompileLevel, DecouplingSequence, PackingOptions } from "@qtune/transpiler";
import {
  type ChipBatch,
  type ChipBatchResult,
  chipUsage,
  combineChipResults,
  planChipBatch,
  prepareChipBatch,
  runChipJob,
  taskReadoutErrors,
} from "./chip-run.ts";
import { emulationSeconds } from "./emulation-time.ts";
import { rememberMeasurements } from "./measurement.ts";
import { createTaskRunner } from "./task-runner.ts";
import { spreadRows, uniqueRows } from "./unique-rows.ts";

/** How {@link createChipExecutor} behaves. */
export interface ChipExecutorOptions {
  readonly chip: ChipModel;
  /** Default: the newest of the chip. */
  readonly snapshot?: CalibrationSnapshot | undefined;
  /** How far the chip has drifted from the snapshot; mitigation knows the snapshot only. Default: not at all. */
  readonly drift?: DriftState | undefined;
  /** What differs from the knobs of the chip. */
  readonly knobs?: Partial<NoiseKnobs> | undefined;
  readonly packing?: PackingOptions | undefined;
  /** Default 2. */
  readonly level?: CompileLevel | undefined;
  readonly decoupling?: DecouplingSequence | undefined;
  /**
   * Rows with exactly equal values share one circuit and its counts. Default false: every row is sampled by itself, so
   * that errors of equal rows are independent.
   */
  readonly deduplicate?: boolean | undefined;
  /**
   * `readout`: results carry expectation values after readout mitigation beside the raw ones (`mitigated`). Default `none`.
   */
  readonly mitigation?: "none" | "readout" | undefined;
  /** Which of the two stands in `expectations` and `standardErrors`. Default `raw`. */
  readonly report?: "raw" | "mitigated" | undefined;
  /** Threads that sample, the calling one included; results do not depend on them. Default: those that the process shares. */
  readonly threads?: number | undefined;
  /** Draws the seed of a run that names none. Default: from the platform's cryptographic randomness. */
  readonly drawSeed?: (() => bigint) | undefined;
}

/** An executor on an emulated chip; see {@link createChipExecutor}. */
export interface ChipExecutor extends Executor {
  run(batch: CircuitBatch, options?: RunOptions): Promise<ChipBatchResult>;
}

/** Most rows of one call: what a plan of one item per row holds without trouble. */
const maxRows = 1_000_000;

/**
 * Creates an executor that runs batches on an emulated chip in this process.
 *
 * Rows are packed onto disjoint regions and sliced into chip jobs; the virtual clock of the chip says how long that takes. Counts
 * of a row depend on (its values, physical qubits, snapshot, knobs, seed, row index) only. Shots are needed and must
 * be in the range of the chip. A structure is compiled once per place and kept as long as its circuit object lives.
 *
 * Errors: as {@link Executor}; failed_precondition when the circuit fits nowhere on the chip.
 */
export function createChipExecutor(options: ChipExecutorOptions): ChipExecutor {
  const { chip } = options;
  const published = options.snapshot ?? newestSnapshot(chip);
  const snapshot =
    options.drift === undefined ? published : driftBy(published, chip.topology, options.drift);
  const sampler =
    options.threads === undefined ? undefined : createNoisySampler({ threads: options.threads });
  const runner = createTaskRunner({ ...options, snapshot, sampler });
  const measure = rememberMeasurements();
  const drawSeed = options.drawSeed ?? randomSeed;
  let closed = false;

  const assertOpen = (): void => {
    if (closed) throw new QtuneError("failed_precondition", "the executor is closed");
  };

  const prepare = (batch: CircuitBatch, run: RunOptions): ChipBatch => {
    const { shots } = run;
    if (shots === undefined) {
      const { minShots, maxShots } = chip.limits;
      throw new QtuneError(
        "invalid_argument",
        `a chip only samples: expected ${minShots} to ${maxShots} shots but was given none`,
        { where: "options.shots" },
      );
    }
    if (run.returns?.includes("probabilities") === true) {
      throw new QtuneError(
        "invalid_argument",
        "a chip returns counts, not probabilities; ask for counts, or use predictCircuit",
        { where: "options.returns" },
      );
    }
    return prepareChipBatch(batch, {
      chip,
      shots,
      seed: run.seed ?? drawSeed(),
      wantsCounts: run.returns?.includes("counts") === true,
      measure,
    });
  };
  const plan = (prepared: ChipBatch): ChipPlan => ({
    ...planChipBatch(prepared, { ...options, snapshot }),
    snapshotId: published.id,
  });

  return {
    describe: async (): Promise<ExecutorDescription> => ({
      name: `emulator:${chip.name}`,
      limits: {
        maxQubits: largestRegion(chip, options),
        maxOperations: chip.limits.maxLayers * chip.topology.qubits,
        maxRows,
      },
      shots: { min: chip.limits.minShots, max: chip.limits.maxShots },
      exact: false,
      seedable: true,
      gradients: "none",
    }),

    estimate: async (batch, run = {}): Promise<ExecutorEstimate> => {
      assertOpen();
      const { batch: unique } = compactBatch(batch, options.deduplicate ?? false);
      const prepared = prepare(unique, run);
      const planned = plan(prepared);
      const usage = chipUsage(prepared, planned, chip);
      return {
        circuits: usage.circuits,
        shots: usage.shots,
        chipSeconds: usage.chipSeconds,
        parallelSlots: planned.parallelMax,
        wallSeconds: emulationSeconds(prepared, batch.circuit.qubits),
      };
    },

    run: async (batch, run = {}): Promise<ChipBatchResult> => {
      assertOpen();
      const { batch: unique, source } = compactBatch(batch, options.deduplicate ?? false);
      const prepared = prepare(unique, run);
      const planned = plan(prepared);
      const counts = new Array<Counts | undefined>(prepared.tasks.length);
      let done = 0;
      for (const job of planned.jobs) {
        const results = await runChipJob(prepared, planned, job, runner, {
          signal: run.signal,
          onTask: () => {
            done += 1;
            run.onProgress?.({
              phase: "chip",
              done,
              total: prepared.tasks.length,
              unit: "circuits",
            });
          },
        });
        for (const [task, taskCounts] of results) counts[task] = taskCounts;
      }
      const wanted = options.mitigation === "readout" || options.report === "mitigated";
      const errors = wanted ? taskReadoutErrors(prepared, planned, runner, published) : undefined;
      const result = combineChipResults(
        prepared,
        counts,
        chipUsage(prepared, planned, chip),
        errors,
      );
      const chosen =
        options.report === "mitigated"
          ? { ...result, ...pickExpectations(result.mitigated ?? result) }
          : result;
      return source === undefined ? chosen : spreadRows(chosen, source, batch.observables.length);
    },

    close: async () => {
      closed = true;
      await sampler?.close();
    },
  };
}

function compactBatch(
  batch: CircuitBatch,
  deduplicate: boolean,
): { readonly batch: CircuitBatch; readonly source?: Int32Array } {
  return deduplicate ? uniqueRows(batch) : { batch };
}

function largestRegion(chip: ChipModel, { snapshot, packing }: ChipExecutorOptions): number {
  const largest = createCalibrationView(snapshot ?? newestSnapshot(chip)).regions[0]?.length ?? 0;
  return Math.min(largest, packing?.region?.length ?? largest);
}

function pickExpectations({
  expectations,
  standardErrors,
}: Pick<BatchResult, "expectations" | "standardErrors">): Pick<
  BatchResult,
  "expectations" | "standardErrors"
> {
  return { expectations, standardErrors };
}

function randomSeed(): bigint {
  const words = globalThis.crypto.getRandomValues(new BigUint64Array(1));
  return words[0] ?? 0n;
}
