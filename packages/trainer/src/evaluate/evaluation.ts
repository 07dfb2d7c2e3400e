/**
 * Measures a model, with or without an adapter: loss of answer tokens, and answers generated in batches. Every number
 * comes with a 95% interval, and the samples are kept.
 */
import { type Adapter, type AdapterValues } from "@qtune/adapters";
import { type Abortable, type OnProgress, QtuneError, throwIfAborted } from "@qtune/base";
import type { ExecutionUsage, Executor } from "@qtune/circuit";
import {
  type DecoderOptions,
  type Tokenizer,
  assertGenerationMemory,
  createGenerator,
  createScoringProgram,
  encodeChat,
} from "@qtune/llm";
import { addUsage, noUsage } from "@qtune/quantum-layer";
import { microBatches, sharedMicroBatches } from "../data/batches.ts";
import type { Example, Sample } from "../data/example.ts";
import { readExamples } from "../data/read-examples.ts";
import { generateSchoolArithmetic, schoolArithmeticVersion } from "../data/school-arithmetic.ts";
import { tokeniseAll } from "../data/tokenise.ts";
import {
  type CircuitRunner,
  type CircuitSettings,
  createCircuitRunner,
  placeForEvaluation,
} from "../loop/circuits.ts";
import { type TrainerModel, decoderOf } from "../model.ts";
import { scoreChoices } from "./choice.ts";
import { gsm8kScorer, scoreAnswer } from "./gsm8k-score.ts";
import type { EvalConfig } from "./eval-config.ts";
import { ratioEstimate, wilsonInterval } from "./interval.ts";

/** What is evaluated, and by whom circuits are run. */
export interface EvaluationTarget {
  readonly model: TrainerModel;
  readonly tokenizer: Tokenizer;
  /** Absent: the base model. */
  readonly adapter?: { readonly adapter: Adapter; readonly values: AdapterValues } | undefined;
  /** Runs the circuits of a quantum adapter. */
  readonly executor: Executor;
  /** Default: exact. */
  readonly circuits?: CircuitSettings | undefined;
  readonly threads?: number | undefined;
}

/** One evaluated item. */
export interface EvaluatedSample {
  readonly id: string;
  readonly question?: string;
  readonly output?: string;
  readonly reference?: string;
  readonly strict?: boolean;
  readonly flexible?: boolean;
  /** Mean negative log-likelihood of the labelled tokens, in nats. */
  readonly nll?: number;
  readonly tokens?: number;
}

/** What was measured. */
export interface EvaluationResult {
  readonly task: EvalConfig["task"];
  /** Version of the task or the scorer. */
  readonly version: string;
  readonly data: string;
  readonly items: number;
  /**
   * nll: `loss`, `loss.low`, `loss.high`, `loss.stderr`, `perplexity`, `tokens`. arithmetic, gsm8k: `strict`,
   * `flexible`, each with `.low`, `.high`, `.stderr`. choice: `accuracy` and `accuracyNormalised`.
   */
  readonly metrics: Readonly<Record<string, number>>;
  readonly usage: ExecutionUsage;
  readonly samples: readonly EvaluatedSample[];
  /** Settings that move the score: template, shots, longest answer. */
  readonly settings: Readonly<Record<string, string | number | boolean>>;
}

/** Options of an evaluation. */
export interface EvaluationOptions extends Abortable {
  readonly onProgress?: OnProgress | undefined;
}

/**
 * Evaluates one task.
 *
 * Effect: compiles a program of its own and closes it; the same request gives the same result.
 * Errors: not_found for unknown data, invalid_argument for data that does not fit the task.
 */
export async function evaluateModel(
  target: EvaluationTarget,
  config: EvalConfig,
  options: EvaluationOptions = {},
): Promise<EvaluationResult> {
  const items = await loadItems(config);
  const settings = target.circuits ?? {};
  const runner = createCircuitRunner(target.executor, settings);
  const placed = target.adapter && placeForEvaluation(target.adapter.adapter, settings);
  let tokens = 0;
  const measured = await measure(
    placed === undefined || target.adapter === undefined
      ? target
      : { ...target, adapter: { ...target.adapter, adapter: placed.adapter } },
    config,
    items,
    { ...options, runner, onTokens: (count) => (tokens += count) },
  );
  // In the graph no executor counts: each token runs each module's circuit once.
  const lowered = placed?.lowered === true ? placed.adapter.quantumSites.length * tokens : 0;
  return {
    task: config.task,
    version: versionOf(config),
    data: config.data.startsWith("builtin:") ? `${config.data} ${config.part}` : config.data,
    items: items.length,
    ...measured,
    usage: addUsage({ ...noUsage, circuits: lowered }, runner.usage()),
    settings: {
      chat: config.chat,
      fewShot: config.fewShot,
      maxNewTokens: config.maxNewTokens,
      maxTokens: config.maxTokens,
      ...(target.circuits?.shots === undefined ? {} : { shots: target.circuits.shots }),
    },
  };
}

type Measured = Pick<EvaluationResult, "metrics" | "samples">;
type MeasureOptions = EvaluationOptions & {
  readonly runner: CircuitRunner;
  /** Is told how many tokens have passed the model. */
  readonly onTokens: (count: number) => void;
};

function measure(
  target: EvaluationTarget,
  config: EvalConfig,
  items: readonly Example[],
  options: MeasureOptions,
): Promise<Measured> {
  switch (config.task) {
    case "nll":
      return measureLoss(target, config, items, options);
    case "arithmetic":
    case "gsm8k":
      return measureAnswers(target, config, items, options);
    case "choice":
      return measureChoices(target, config, items, options);
  }
}

function versionOf(config: EvalConfig): string {
  switch (config.task) {
    case "nll":
    case "choice":
      return "1";
    case "arithmetic":
      return `${schoolArithmeticVersion}, scorer ${gsm8kScorer}`;
    case "gsm8k":
      return gsm8kScorer;
  }
}

async function loadItems(config: EvalConfig): Promise<readonly Example[]> {
  if (!config.data.startsWith("builtin:")) {
    const examples = await readExamples(config.data, "auto");
    return examples.slice(0, config.limit);
  }
  if (config.data !== "builtin:school-arithmetic") {
    throw new QtuneError(
      "not_found",
      `expected builtin:school-arithmetic but was given ${config.data}`,
      {
        where: "eval.data",
      },
    );
  }
  const { part, limit } = config;
  const set = generateSchoolArithmetic({
    ...config,
    train: 0,
    ...(limit === undefined ? {} : { [part]: limit }),
  });
  return set[part].map((item) => ({
    id: item.id,
    kind: "prompt",
    prompt: item.question,
    completion: item.answer,
  }));
}

/** Options that every program of an evaluation shares. */
function programOptions(target: EvaluationTarget, options: MeasureOptions): DecoderOptions {
  const { model, adapter, threads } = target;
  return {
    ...decoderOf(model),
    threads,
    signal: options.signal,
    ...(adapter === undefined
      ? {}
      : {
          onLinear: (call) => adapter.adapter.onLinear(call),
          hostOperations: options.runner.handlers,
        }),
  };
}

/**
 * Measures the loss of samples in micro-batches, what they have in common at their beginning once. Returns the summed loss of
 * each, in their order.
 */
export async function scoreSamples(
  target: EvaluationTarget,
  samples: readonly Sample[],
  microBatchTokens: number,
  options: MeasureOptions,
): Promise<readonly number[]> {
  // With shots each token has circuits of its own; exact ones are equal where texts are.
  const shareBeginnings = target.circuits?.shots === undefined;
  const program = await createScoringProgram({
    ...programOptions(target, options),
    shareBeginnings,
  });
  try {
    if (target.adapter !== undefined)
      program.bindParameters(Object.fromEntries(target.adapter.values));
    const losses = new Map<Sample, number>();
    let done = 0;
    const cut = shareBeginnings ? sharedMicroBatches : microBatches;
    for (const [index, part] of cut(samples, microBatchTokens).entries()) {
      throwIfAborted(options.signal);
      options.runner.setLabel("evaluate", index);
      const { nll, tokens } = await program.run(part, { signal: options.signal });
      options.onTokens(tokens);
      let at = 0;
      for (const sample of part) {
        const own = nll.subarray(at, at + sample.labelled);
        losses.set(
          sample,
          own.reduce((sum, value) => sum + value, 0),
        );
        at += sample.labelled;
      }
      done += part.length;
      options.onProgress?.({ phase: "loss", done, total: samples.length, unit: "items" });
    }
    return samples.map((sample) => losses.get(sample) ?? Number.NaN);
  } finally {
    await program.close();
  }
}

async function measureLoss(
  target: EvaluationTarget,
  config: EvalConfig,
  items: readonly Example[],
  options: MeasureOptions,
): Promise<Measured> {
  const { samples } = tokeniseAll(target.tokenizer, items, {
    template: config.chat ? "chat" : "plain",
    system: config.system,
    maxTokens: Math.min(config.maxTokens, target.model.config.maxPositions),
    endId: target.model.config.eosIds[0],
  });
  const losses = await scoreSamples(target, samples, config.microBatchTokens, options);
  const counts = samples.map(({ labelled }) => labelled);
  return {
    metrics: lossMetrics(losses, counts),
    samples: samples.map(({ id, labelled }, i) => ({
      id,
      nll: (losses[i] ?? 0) / labelled,
      tokens: labelled,
    })),
  };
}

/** Returns the metrics of losses summed per item: mean per token with its interval, perplexity, tokens. */
export function lossMetrics(
  losses: readonly number[],
  counts: readonly number[],
): Record<string, number> {
  const { value, standardError, interval } = ratioEstimate(losses, counts);
  return {
    loss: value,
    "loss.low": interval[0],
    "loss.high": interval[1],
    "loss.stderr": standardError,
    perplexity: Math.exp(value),
    tokens: counts.reduce((sum, count) => sum + count, 0),
  };
}

/** A question and its reference answer. */
interface Problem {
  readonly id: string;
  readonly question: string;
  readonly reference: string;
}

function problemOf(example: Example): Problem {
  if (example.kind === "prompt") {
    return { id: example.id, question: example.prompt, reference: example.completion };
  }
  throw new QtuneError(
    "invalid_argument",
    `expected a question and an answer but was given a ${example.kind} record`,
    {
      where: example.id,
    },
  );
}

async function measureAnswers(
  target: EvaluationTarget,
  config: EvalConfig,
  items: readonly Example[],
  options: MeasureOptions,
): Promise<Measured> {
  const { tokenizer, model } = target;
  const all = items.map(problemOf);
  const shots = pickShots(all, config);
  const problems = all.slice(config.fewShot > 0 ? shots.length : 0);
  const promptIds = problems.map((problem) => promptOf(tokenizer, problem, shots, config));
  const longestPrompt = Math.max(1, ...promptIds.map(({ length }) => length));
  assertGenerationMemory(
    {
      config: model.config,
      baseWeights: model.baseWeights,
      rows: Math.min(config.batchRows, promptIds.length),
      promptTokens: longestPrompt,
      longest: longestPrompt + config.maxNewTokens,
    },
    process.availableMemory(),
  );
  const generator = await createGenerator({
    ...programOptions(target, options),
    knownIds: tokenizer.vocabSize,
  });
  try {
    if (target.adapter !== undefined)
      generator.bindParameters(Object.fromEntries(target.adapter.values));
    options.runner.setLabel("generate");
    const { eosIds } = model.config;
    let done = 0;
    const lengths = new Array<number>(promptIds.length).fill(0);
    // One call for all: a row joins as soon as another has finished.
    const generations = await generator.generate({
      promptIds,
      maxNewTokens: config.maxNewTokens,
      stopIds: eosIds,
      batchRows: config.batchRows,
      signal: options.signal,
      onToken({ row, id }) {
        const length = (lengths[row] ?? 0) + 1;
        lengths[row] = length;
        if (!eosIds.includes(id) && length < config.maxNewTokens) return;
        done++;
        options.onProgress?.({ phase: "answers", done, total: promptIds.length, unit: "items" });
      },
    });
    options.onTokens(
      generations.reduce((sum, { ids }) => sum + ids.length, promptIds.flat().length),
    );
    const outputs = generations.map(({ ids }) => stopAtQuestion(tokenizer.decode(ids), config));
    const samples = problems.map((problem, i) => ({
      ...problem,
      output: outputs[i] ?? "",
      ...scoreAnswer(outputs[i] ?? "", problem.reference),
    }));
    return { metrics: answerMetrics(samples), samples };
  } finally {
    await generator.close();
  }
}

/** The first items serve as worked examples and are not scored. */
function pickShots(problems: readonly Problem[], config: EvalConfig): readonly Problem[] {
  return problems.slice(0, config.fewShot);
}

function promptOf(
  tokenizer: Tokenizer,
  problem: Problem,
  shots: readonly Problem[],
  config: EvalConfig,
): number[] {
  if (config.chat) {
    const messages = [
      ...(config.system === undefined ? [] : [{ role: "system", content: config.system }]),
      ...shots.flatMap(({ question, reference }) => [
        { role: "user", content: question },
        { role: "assistant", content: reference },
      ]),
      { role: "user", content: problem.question },
    ];
    return encodeChat(tokenizer, messages, { addGenerationPrompt: true }).ids;
  }
  const worked = shots.map(
    ({ question, reference }) => `Question: ${question}\nAnswer: ${reference}\n\n`,
  );
  return tokenizer.encode(`${worked.join("")}Question: ${problem.question}\nAnswer:`);
}

/** Without a template the model may go on with a question of its own: the answer ends there. */
function stopAtQuestion(text: string, config: EvalConfig): string {
  return config.chat ? text : (text.split("Question:")[0] ?? "");
}

function answerMetrics(
  samples: readonly { readonly strict: boolean; readonly flexible: boolean }[],
): Record<string, number> {
  const metrics: Record<string, number> = {};
  for (const name of ["strict", "flexible"] as const) {
    const right = samples.filter((sample) => sample[name]).length;
    Object.assign(metrics, shareMetrics(name, right, samples.length));
  }
  return metrics;
}

/** Returns a share with Wilson's interval and its standard error. */
export function shareMetrics(
  name: string,
  successes: number,
  trials: number,
): Record<string, number> {
  const [low, high] = wilsonInterval(successes, trials);
  const share = successes / Math.max(1, trials);
  return {
    [name]: share,
    [`${name}.low`]: low,
    [`${name}.high`]: high,
    [`${name}.stderr`]: Math.sqrt((share * (1 - share)) / Math.max(1, trials - 1)),
  };
}

async function measureChoices(
  target: EvaluationTarget,
  config: EvalConfig,
  items: readonly Example[],
  options: MeasureOptions,
): Promise<Measured> {
  const { samples, choices } = scoreChoices.prepare(target.tokenizer, items, config);
  const losses = await scoreSamples(target, samples, config.microBatchTokens, options);
  return scoreChoices.judge(choices, losses, samples, shareMetrics);
}
