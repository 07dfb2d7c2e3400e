/**
 * What the daemon asks of training, and nothing more: the queue and the services see this port, so that training could
 * run in another process or on another machine without a change to them.
 */
import type { Abortable, OnProgress } from "@qtune/base";
import type { trainingV1 } from "@qtune/contracts";
import type { TrainingSession } from "@qtune/trainer";
import type { RunEvent } from "./run-store.ts";

/** A configuration that was checked and completed. */
export interface ResolvedRun {
  /** Every default filled in, as JSON. */
  readonly json: string;
  readonly totalSteps: number;
}

/** What a run would be. */
export type RunPlan = Omit<trainingV1.ValidateRunResponse, "resolvedConfigJson">;

/** Where a run lives and whom it tells. */
export interface TrainContext {
  /** Folder of the run; whatever is in it already is resumed from. */
  readonly directory: string;
  readonly signal: AbortSignal;
  readonly onEvent: (event: RunEvent) => void;
  /** Called when the run must wait for something outside, with the reason, and with an empty reason when it goes on. */
  readonly onWaiting: (reason: string) => void;
}

/** A model with or without an adapter, as an evaluation names it. */
export type Target =
  | { readonly kind: "model"; readonly model: string }
  | {
      readonly kind: "checkpoint";
      readonly runDirectory: string;
      readonly checkpoint: string;
      readonly configJson: string;
    };

/** A session under way: an adapter whose training loop the caller runs. */
export interface OpenSession {
  readonly training: TrainingSession;
  /** Generates with the current values. */
  sample(
    request: trainingV1.GenerateRequest,
    options: Abortable,
  ): AsyncIterable<trainingV1.GenerateResponse>;
}

/** Trains, evaluates, generates and exports. Every long call honours its signal and rejects with `cancelled`. */
export interface RunEngine {
  /** Checks a configuration. Errors: invalid_argument with all issues. */
  resolve(config: trainingV1.RunConfig): ResolvedRun;
  plan(run: ResolvedRun, options: Abortable): Promise<RunPlan>;
  /** Trains from the start, or from the last good checkpoint in the folder, to the end. */
  train(
    run: ResolvedRun,
    context: TrainContext,
  ): Promise<Omit<trainingV1.RunResult, "checkpoint"> & { readonly checkpointId: string }>;
  evaluate(
    target: Target,
    request: { readonly configJson: string; readonly executorJson: string },
    options: Abortable & { readonly onProgress: OnProgress },
  ): Promise<trainingV1.Evaluation>;
  probeGradient(
    target: Target,
    request: {
      readonly module: string;
      readonly tokens: number;
      readonly steps: number;
      readonly executorJson: string;
    },
    options: Abortable & { readonly onProgress: OnProgress },
  ): AsyncIterable<trainingV1.GradientProbe>;
  generate(
    target: Target,
    request: trainingV1.GenerateRequest,
    options: Abortable,
  ): AsyncIterable<trainingV1.GenerateResponse>;
  /** Opens a model with a fresh adapter. Errors: invalid_argument in `adapter_json` or `executor_json`; what opening throws. */
  openSession(
    request: {
      readonly model: string;
      readonly adapterJson: string;
      readonly executorJson: string;
      readonly seed: bigint;
    },
    options: Abortable,
  ): Promise<OpenSession>;
  /** Writes an export into a folder that is empty. */
  exportAdapter(
    target: Target,
    request: {
      readonly format: trainingV1.ExportFormat;
      readonly merge: boolean;
      readonly directory: string;
    },
    options: Abortable & { readonly onProgress: OnProgress },
  ): Promise<void>;
  /** Checkpoints of a run's folder, newest first; their names are set by the caller. */
  listCheckpoints(runDirectory: string): Promise<
    readonly (Omit<trainingV1.Checkpoint, "name"> & {
      readonly id: string;
      readonly directory: string;
    })[]
  >;
  listModels(): readonly trainingV1.Model[];
  close(): Promise<void>;
}
