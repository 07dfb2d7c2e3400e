import type { trainingV1 } from "@qtune/contracts";
import type { Interval, Report, ReportArm, ReportChip } from "../report/report.ts";
import { printChange } from "../report/table.ts";
import { quickstartSettings } from "./arms.ts";

/** What the report says of the model. */
export interface ModelFacts {
  readonly sha256: string;
  readonly parameters: number;
  readonly source: string;
  /** Trainable parameters of the published configuration (bottleneck 256, rank 8) on this model. */
  readonly published: number;
  /** Trainable parameters of LoRA r = 8 on this model. */
  readonly reference: number;
}

/** Makes the row of an arm from what was measured. */
export function armRow(measured: {
  readonly name: string;
  readonly loss: trainingV1.Evaluation;
  readonly known: trainingV1.Evaluation;
  readonly unseen: trainingV1.Evaluation;
  /** Trainable parameters of the reference arm. */
  readonly reference: number;
  readonly trained:
    | {
        readonly arm: { readonly preset: { readonly adapter: { readonly kind: string } } };
        readonly run: trainingV1.Run;
        readonly losses: readonly number[];
        readonly tokensPerSecond: number;
        readonly circuits: number;
      }
    | undefined;
}): ReportArm {
  const { trained, loss, known, unseen } = measured;
  const trainable = Number(trained?.run.result?.trainableParameters ?? 0n);
  return {
    name: measured.name,
    kind: trained === undefined ? "BASE" : trained.arm.preset.adapter.kind.toUpperCase(),
    trainable,
    vsLora: trained === undefined ? null : trainable / measured.reference - 1,
    trainLoss: trained === undefined ? null : meanOfLast(trained.losses, 10),
    valLoss: metric(loss, "loss"),
    valLossCi: interval(loss, "loss"),
    strict: metric(known, "strict"),
    strictCi: interval(known, "strict"),
    flexible: metric(known, "flexible"),
    flexibleCi: interval(known, "flexible"),
    unseenStrict: metric(unseen, "strict"),
    unseenStrictCi: interval(unseen, "strict"),
    tokensPerSecond: trained?.tokensPerSecond ?? null,
    circuits: trained?.circuits ?? 0,
    losses: trained?.losses ?? [],
  };
}

/** Makes the chip's part of the report. */
export function chipRow(measured: {
  readonly chip: string;
  readonly shots: number;
  readonly exact: trainingV1.Evaluation;
  readonly noisy: trainingV1.Evaluation;
  readonly steps: readonly trainingV1.GradientProbe[];
}): ReportChip {
  const { noisy, steps } = measured;
  const usage = noisy.usage;
  return {
    name: measured.chip,
    snapshot: usage?.snapshotId ?? "",
    synthetic: true,
    circuits:
      (usage?.circuits ?? 0) + steps.reduce((sum, step) => sum + (step.usage?.circuits ?? 0), 0),
    tasksPerBatch: usage?.circuits ?? 0,
    parallelMax: usage?.parallelMax ?? 0,
    parallelMean: usage?.parallelMean ?? 0,
    chipSeconds:
      (usage?.chipSeconds ?? 0) +
      steps.reduce((sum, step) => sum + (step.usage?.chipSeconds ?? 0), 0),
    shots: measured.shots,
    lossChip: metric(noisy, "loss"),
    lossExact: metric(measured.exact, "loss"),
    gradientSteps: steps.map((step) => ({
      circuits: step.usage?.circuits ?? 0,
      chipSeconds: step.usage?.chipSeconds ?? 0,
      cosine: step.cosine,
      loss: step.loss,
    })),
  };
}

/** Puts the report of a quickstart together. */
export function buildReport(parts: {
  readonly session: {
    readonly seed: number;
    readonly model: string;
    readonly identity: ModelFacts;
  };
  readonly arms: readonly ReportArm[];
  readonly chip: ReportChip | undefined;
  readonly resolvedJson: string;
}): Report {
  const { session, arms, chip } = parts;
  const { steps, examplesPerStep, microBatchTokens, validationItems, testItems } =
    quickstartSettings;
  const quantum = arms.find((arm) => arm.kind === "ABC");
  const controls = arms.filter((arm) => arm.trainable > 0 && arm.kind !== "ABC");
  return {
    schema: "qtune.report/1",
    title: "Quantum adapter, tensor network and LoRA on school arithmetic",
    method: [
      "Training used the exact local executor for every circuit, lowered into the model's graph where it is small (the same values as the simulator to rounding); the emulated chip was used for evaluation and for the gradient probe only.",
      `${steps} steps of ${examplesPerStep} examples in micro-batches of at most ${microBatchTokens} tokens, AdamW, cosine schedule with warm-up, gradients clipped at 1; loss on answer tokens only.`,
      "All arms: same data in the same order, same number of steps, q_proj and v_proj of every layer, matched initialisation (the signal into each zero-initialised factor has the same size). Learning rates are fixed per arm and were not swept.",
      "The tensor network is linear and folded once per step, so it costs per token what LoRA costs.",
      "One seed: differences within the intervals mean nothing; a comparison needs several seeds and swept learning rates.",
    ],
    model: {
      name: session.model,
      parameters: session.identity.parameters,
      source: session.identity.source,
      sha256: session.identity.sha256,
    },
    data: {
      name: "builtin:school-arithmetic, one step",
      train: steps * examplesPerStep,
      validation: validationItems,
      test: testItems,
      unseenTemplates: testItems,
    },
    seed: session.seed,
    arms,
    ...(chip === undefined ? {} : { chip }),
    notes: [
      publishedNote(session.identity),
      ...(quantum === undefined ? [] : [advantageNote(quantum, controls)]),
      "The quantum part is a circuit of four qubits per adapted module: simulable on any computer.",
    ],
    versions: {
      qtune: "0.1.0",
      node: process.version,
      platform: `${process.platform}-${process.arch}`,
    },
    commands: [
      `npx -y pnpm@12 start --seed ${session.seed}${session.model === quickstartSettings.model ? "" : ` --model ${session.model}`}`,
    ],
  };
}

/** Says what the published configuration would cost at this width: on narrow models it saves nothing. */
function publishedNote({ published, reference }: ModelFacts): string {
  const change = printChange(published / reference - 1);
  const counts = `${published.toLocaleString("en-US")} against ${reference.toLocaleString("en-US")} (${change})`;
  const consequence =
    published > reference
      ? "more trainable parameters than LoRA r = 8"
      : "fewer trainable parameters than LoRA r = 8";
  return `At this width the published configuration (bottleneck 256, tensor-train rank 8, r = 8) would have ${consequence}: ${counts}. The change seen here comes from a smaller tensor network, and LoRA r = 2 saves as much.`;
}

/** States the advantage over the best classical control of similar size, positive when the quantum arm is better. */
function advantageNote(quantum: ReportArm, controls: readonly ReportArm[]): string {
  const sized = controls.filter((arm) => arm.trainable <= 1.2 * quantum.trainable);
  const best = sized.reduce<ReportArm | undefined>(
    (found, arm) => (found === undefined || arm.valLoss < found.valLoss ? arm : found),
    undefined,
  );
  if (best === undefined) return "No classical control of the same size was run.";
  const advantage = best.valLoss - quantum.valLoss;
  return `Advantage of the quantum adapter over the best classical control of its size (${best.name}), held-out loss: ${advantage >= 0 ? "+" : "−"}${Math.abs(advantage).toFixed(4)} nats (positive: the quantum arm is better). One seed decides nothing.`;
}

function metric(evaluation: trainingV1.Evaluation, name: string): number {
  return evaluation.metrics.get(name) ?? Number.NaN;
}

function interval(evaluation: trainingV1.Evaluation, name: string): Interval {
  return [metric(evaluation, `${name}.low`), metric(evaluation, `${name}.high`)];
}

function meanOfLast(values: readonly number[], count: number): number {
  const last = values.slice(-count);
  return last.reduce((sum, value) => sum + value, 0) / Math.max(1, last.length);
}
