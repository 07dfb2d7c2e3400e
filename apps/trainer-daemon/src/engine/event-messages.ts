/** What a training tells, in the messages of the contract. */
import { trainingV1 } from "@qtune/contracts";
import { usageToWire } from "@qtune/rpc";
import type { EvaluationResult, TrainingEvent } from "@qtune/trainer";
import type { RunEvent } from "../run-store.ts";

/** Returns the message of an event; states and checkpoints are told otherwise. */
export function eventToWire(event: TrainingEvent): RunEvent | undefined {
  switch (event.kind) {
    case "metrics": {
      const {
        step,
        totalSteps,
        loss,
        learningRate,
        gradientNorm,
        tokensPerSecond,
        tokensSeen,
        circuits,
        remainingSeconds,
        epoch,
      } = event.metrics;
      const value = {
        step,
        totalSteps,
        loss,
        learningRate,
        gradientNorm,
        tokensPerSecond,
        tokensSeen: BigInt(tokensSeen),
        circuits: BigInt(circuits),
        remainingSeconds,
        metrics: new Map([["epoch", epoch]]),
      };
      return { $case: "metrics", value: trainingV1.StepMetrics.fromPartial(value) };
    }
    case "log": {
      const level =
        event.level === "warning"
          ? trainingV1.LogLevel.LOG_LEVEL_WARNING
          : trainingV1.LogLevel.LOG_LEVEL_INFO;
      return { $case: "log", value: { level, message: event.message } };
    }
    case "evaluation":
      return { $case: "evaluation", value: evaluationToWire(event.result, event.step) };
    case "progress": {
      const { phase, done, total, unit, message } = event.progress;
      return { $case: "progress", value: { phase, done, total, unit, message: message ?? "" } };
    }
    case "checkpoint":
      return {
        $case: "checkpoint",
        value: trainingV1.Checkpoint.fromPartial({
          name: event.id,
          step: event.step,
          final: event.final,
          createTime: new Date(),
        }),
      };
    case "state":
      return undefined;
    default:
      return event satisfies never;
  }
}

/** Returns the message of an evaluation; its samples travel as JSON. */
export function evaluationToWire(result: EvaluationResult, step: number): trainingV1.Evaluation {
  const { task, data, items, metrics, usage, samples, settings, version } = result;
  return trainingV1.Evaluation.fromPartial({
    task,
    data,
    step,
    items,
    metrics: new Map(Object.entries(metrics)),
    usage: usageToWire(usage),
    reportJson: JSON.stringify({
      schema: "qtune.evaluation/1",
      version,
      settings,
      samples: samples.slice(0, maxSamples),
    }),
  });
}

/** Samples that travel with an evaluation: enough for a data set of this size, small enough for one message. */
const maxSamples = 2000;
