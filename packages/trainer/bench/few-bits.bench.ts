/**
 * What base weights of few bits do to training: the gradient's direction per tensor and the loss curve, beside float32.
 *
 * node --conditions=@qtune/source bench/few-bits.bench.ts [--model minimind2-small] [--steps 100] [--base float16,int8,int4]
 *
 * LoRA r = 4 on q_proj and v_proj, eight word problems of the built-in arithmetic a step, AdamW at 5e-4, answers learnt.
 * The gradients are compared after ten steps of float32, where no factor is zero any more.
 */
import { parseArgs } from "node:util";
import { encodeChat, loadTokenizer, openModel, type BaseWeights } from "@qtune/llm";
import { createLocalExecutor } from "@qtune/simulator";
import {
  createTrainingSession,
  generateSchoolArithmetic,
  type SessionDatum,
  type TrainerModel,
  type TrainingSession,
} from "@qtune/trainer";

const { values: flags } = parseArgs({
  options: {
    model: { type: "string", default: "minimind2-small" },
    steps: { type: "string", default: "100" },
    base: { type: "string", default: "float16,int8,int4" },
    peers: { type: "boolean" },
  },
});
const perStep = 8;
const warmSteps = 10;
const model = await openModel(flags.model);
const tokenizer = await loadTokenizer(model.tokenizerFiles);
const executor = createLocalExecutor({ threads: 1 });
const { train } = generateSchoolArithmetic({ seed: 1 });
const data = train.map(({ question, answer }): SessionDatum => {
  const { ids, assistantMask } = encodeChat(tokenizer, [
    { role: "user", content: question },
    { role: "assistant", content: answer },
  ]);
  const all = [...ids];
  return {
    inputIds: all.slice(0, -1),
    targetIds: all.slice(1),
    weights: [...assistantMask.slice(1)],
  };
});

function open(baseWeights: BaseWeights): Promise<TrainingSession> {
  return createTrainingSession({
    model: { ...model, baseWeights } satisfies TrainerModel,
    adapter: { kind: "lora", rank: 4 },
    executor,
    seed: 1,
  });
}

/** Adds up the gradient of one step's examples; returns the mean loss. */
async function accumulate(session: TrainingSession, step: number): Promise<number> {
  const from = (step * perStep) % (data.length - perStep);
  const { lossSum, weightSum } = await session.forwardBackward(data.slice(from, from + perStep));
  return lossSum / weightSum;
}

async function trainSteps(session: TrainingSession, steps: number): Promise<number[]> {
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    losses.push(await accumulate(session, step));
    session.optimStep({ learningRate: 5e-4, clipNorm: 1 });
  }
  return losses;
}

function cosine(a: Float64Array, b: Float64Array): number {
  const dot = (x: Float64Array, y: Float64Array): number =>
    x.reduce((sum, value, i) => sum + value * (y[i] ?? 0), 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** The values and gradient of float32 after the warm steps, saved for the others. */
async function reference(): Promise<{
  values: ReadonlyMap<string, Float32Array>;
  gradients: ReadonlyMap<string, Float64Array>;
  losses: readonly number[];
}> {
  const session = await open("float32");
  const losses = await trainSteps(session, warmSteps);
  losses.push(await accumulate(session, warmSteps));
  const copy = <T extends Float32Array | Float64Array>(map: ReadonlyMap<string, T>) =>
    new Map([...map].map(([name, array]) => [name, array.slice() as T]));
  const values = copy(session.values);
  const gradients = copy(session.gradients());
  session.optimStep({ learningRate: 5e-4, clipNorm: 1 });
  for (let step = warmSteps + 1; step < Number(flags.steps); step++) {
    losses.push(await accumulate(session, step));
    session.optimStep({ learningRate: 5e-4, clipNorm: 1 });
  }
  await session.close();
  return { values, gradients, losses };
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const exact = await reference();
const curve = (losses: readonly number[]): string =>
  [0, 0.25, 0.5, 0.75, 0.9]
    .map((share) => mean(losses.slice(share * losses.length, (share + 0.1) * losses.length)))
    .map((loss) => loss.toFixed(4))
    .join("  ");
console.log(`${flags.model}, ${flags.steps} steps; mean loss of tenths from 0, 25, 50, 75, 90%`);
console.log(`float32  ${curve(exact.losses)}`);
for (const base of flags.base.split(",") as BaseWeights[]) {
  const probe = await open(base);
  for (const [name, array] of probe.values) array.set(exact.values.get(name) ?? []);
  await accumulate(probe, warmSteps);
  const cosines = [...probe.gradients()]
    .map(([name, gradient]) => cosine(gradient, exact.gradients.get(name) ?? gradient))
    .sort((a, b) => a - b);
  await probe.close();
  const session = await open(base);
  const losses = await trainSteps(session, Number(flags.steps));
  await session.close();
  console.log(
    `${base.padEnd(8)} ${curve(losses)}  gradient cosine per tensor: least ${cosines[0]?.toFixed(5)}, median ${cosines[cosines.length >> 1]?.toFixed(5)}`,
  );
}
await executor.close();
await model.close();
