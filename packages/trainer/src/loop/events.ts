import type { Progress } from "@qtune/base";
import type { EvaluationResult } from "../evaluate/evaluation.ts";

/** Metrics of one optimiser step. */
export interface StepMetrics {
  /** From 1. */
  readonly step: number;
  readonly totalSteps: number;
  /** Mean negative log-likelihood over the labelled tokens of the step, in nats. */
  readonly loss: number;
  readonly learningRate: number;
  /** Global norm before clipping. */
  readonly gradientNorm: number;
  readonly tokensPerSecond: number;
  readonly tokensSeen: number;
  /** Circuits executed since the run began. */
  readonly circuits: number;
  readonly epoch: number;
  readonly remainingSeconds: number;
}

/** What a training run tells while it runs. */
export type TrainingEvent =
  | {
      readonly kind: "state";
      readonly state: "preparing" | "running" | "waiting" | "finishing";
      readonly reason: string;
    }
  | { readonly kind: "metrics"; readonly metrics: StepMetrics }
  | { readonly kind: "log"; readonly level: "info" | "warning"; readonly message: string }
  | {
      readonly kind: "checkpoint";
      readonly id: string;
      readonly step: number;
      readonly final: boolean;
    }
  | { readonly kind: "evaluation"; readonly step: number; readonly result: EvaluationResult }
  | { readonly kind: "progress"; readonly progress: Progress };
