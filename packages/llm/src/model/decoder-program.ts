/**
 * Compiles a decoder with its adapters for training or scoring.
 *
 * Loss and gradients are sums over labelled positions; whoever trains divides by the number of labels of the whole window.
 */
import { QtuneError, type Abortable } from "@qtune/base";
import {
  compile,
  createGraph,
  differentiate,
  hasIntegerDotProduct,
  type CompileOptions,
  type Graph,
  type HostHandler,
  type Program,
  type ProgramReport,
  type Tensor,
  type Value,
  type WeightSource,
} from "@qtune/graph";
import type { ModelConfig } from "../config/model-config.ts";
import {
  causalMask,
  createRopeCache,
  labelFeeds,
  labelledRows,
  layOutRows,
  type Sequence,
} from "./batch.ts";
import {
  buildDecoder,
  buildTrainingAttention,
  type BaseWeights,
  type QuantisedKernel,
  type Recompute,
} from "./decoder.ts";
import type { OnLinear } from "./on-linear.ts";

/** What training, scoring and generation programs have in common. */
export interface DecoderOptions extends Pick<
  CompileOptions,
  "precision" | "threads" | "providers" | "prepack" | "spin" | "signal" | "profile" | "weightStore"
> {
  readonly config: ModelConfig;
  /** Weights under their Hugging Face names. */
  readonly tensors: ReadonlyMap<string, WeightSource>;
  /** How the frozen linear maps are kept. Fewer bits save memory, and time on processors with VNNI. Default `float32`. */
  readonly baseWeights?: BaseWeights | undefined;
  /**
   * How products with `int8` and `int4` weights are computed. Default: generation `integer`; training and scoring `integer` where
   * the processor has dot products of 8-bit integers, else `widened`.
   */
  readonly quantisedKernel?: QuantisedKernel | undefined;
  /** What the reverse pass computes again instead of keeping. Default `nothing`. */
  readonly recompute?: Recompute | undefined;
  /** Called at each linear module, in order of execution. Default: the frozen model. */
  readonly onLinear?: OnLinear | undefined;
  /** Handlers of the host operations that `onLinear` adds, `<kind>.vjp` included. */
  readonly hostOperations?: Readonly<Record<string, HostHandler>> | undefined;
}

/** Options of a scoring program. */
export interface ScoringOptions extends DecoderOptions {
  /** Also return the logits of labelled positions. Default false. */
  readonly returnLogits?: boolean | undefined;
  /** Computes what sequences of a batch have in common at their beginning once. Default false. */
  readonly shareBeginnings?: boolean | undefined;
}

/**
 * The loss of a batch: sums over its labelled positions, so that sums of several micro-batches divided by the sum of
 * their counts are exact whatever the lengths.
 */
export interface BatchLoss {
  /** Sum of the negative log-likelihoods, in nats. */
  readonly loss: number;
  /** Labelled positions. */
  readonly count: number;
  /** Tokens that passed the model: padding not counted, shared beginnings once. */
  readonly tokens: number;
  /** Negative log-likelihood of each labelled position: sequences in order, positions ascending. Shape [count]. */
  readonly nll: Float64Array;
  /** Logits of each labelled position where asked for. Shape [count, vocab]. */
  readonly logits?: Float32Array | Float64Array;
}

/** A frozen decoder with trainable adapters, compiled. One call at a time. */
export interface DecoderProgram {
  /** Names of the parameters that `onLinear` added. */
  readonly parameters: readonly string[];
  readonly report: ProgramReport;
  /** Copies parameter values, by name; all must be bound before the first run. */
  bindParameters(values: Readonly<Record<string, Float32Array | Float64Array>>): void;
  /**
   * Computes the loss of a micro-batch; a training program also adds the gradient of the summed loss to its sums.
   *
   * Cost: rows are real tokens only, whatever the lengths; attention is padded to the longest sequence.
   * Errors: invalid_argument when a sequence is empty, too long, holds an id outside the vocabulary, or nothing is labelled.
   */
  run(sequences: readonly Sequence[], options?: Abortable): Promise<BatchLoss>;
  /** Returns the gradients of the summed loss over the runs since the last take, by parameter name, and clears the sums. */
  takeGradients(options?: Abortable): Promise<Record<string, Float64Array>>;
  close(): Promise<void>;
}

/** The graph of a decoder and its loss, before it is compiled. */
export interface DecoderGraph {
  readonly graph: Graph;
  /** Scalar: sum of the negative log-likelihoods. */
  readonly loss: Tensor;
  /** Per labelled position. Shape [R]. */
  readonly nll: Tensor;
  /** Shape [R, vocab]. */
  readonly logits: Tensor;
  readonly parameters: readonly Tensor[];
}

/** Builds a decoder with its loss at labelled positions. Feeds come from {@link decoderFeeds}. */
export function buildDecoderGraph(
  options: Pick<
    DecoderOptions,
    "config" | "tensors" | "onLinear" | "baseWeights" | "quantisedKernel" | "recompute"
  >,
): DecoderGraph {
  const { config } = options;
  const graph = createGraph();
  const half = config.headDim / 2;
  const ids = graph.input("ids", "int64", ["N"]);
  const positions = graph.input("positions", "int64", ["N"]);
  const cos = graph.input("cos", "float", ["P", half]);
  const sin = graph.input("sin", "float", ["P", half]);
  const queryPlaces = graph.input("queryPlaces", "int64", ["B", config.heads, "T"]);
  const queryRows = graph.input("queryRows", "int64", [`${config.heads}*N`]);
  const keyPlaces = graph.input("keyPlaces", "int64", ["B", config.kvHeads, "T"]);
  const keyRows = graph.input("keyRows", "int64", [`${config.kvHeads}*N`]);
  const mask = graph.input("mask", "float", ["T", "T"]);
  const kept = graph.input("labelledRows", "int64", ["R"]);
  const keptInverse = graph.input("labelledInverse", "int64", ["N"]);
  const labels = graph.input("labels", "int64", ["R"]);
  const logits = buildDecoder({
    ...options,
    quantisedKernel: kernelOf(options),
    graph,
    inputs: { ids, positions, cos, sin },
    attend: buildTrainingAttention(
      graph,
      config,
      { queryPlaces, queryRows, keyPlaces, keyRows, mask },
      options.recompute,
    ),
    keepRows: (rows) =>
      graph.gatherRows(rows, kept, keptInverse, { padding: "any", inversePadding: "zero" }),
  });
  const nll = graph.crossEntropy(logits, labels);
  const parameters = graph.nodes
    .filter(({ op }) => op === "parameter")
    .flatMap(({ outputs }) => outputs);
  return { graph, loss: graph.reduceSum(nll), nll, logits, parameters };
}

function kernelOf({ quantisedKernel }: Pick<DecoderOptions, "quantisedKernel">): QuantisedKernel {
  return quantisedKernel ?? (hasIntegerDotProduct() ? "integer" : "widened");
}

/** Returns the feeds of a micro-batch for a decoder graph, and how many labels and tokens it has. */
export function createDecoderFeeds(
  config: ModelConfig,
  options: { readonly share?: boolean | undefined } = {},
): (sequences: readonly Sequence[]) => {
  readonly feeds: Readonly<Record<string, Value>>;
  readonly tokens: number;
  readonly count: number;
} {
  const rope = createRopeCache(config);
  let mask = causalMask(1);
  return (sequences) => {
    const layout = layOutRows(
      sequences.map(({ ids }) => ids),
      config,
      rope,
      options,
    );
    const labelled = labelledRows(sequences, config.vocab, layout);
    if (labelled.rows.length === 0) {
      throw new QtuneError(
        "invalid_argument",
        "expected at least one labelled position after the first token of a sequence",
        { where: "sequences" },
      );
    }
    if (mask.dims[0] !== layout.T) mask = causalMask(layout.T);
    const feeds = {
      ...layout.feeds,
      mask,
      ...labelFeeds(labelled, layout.N),
    };
    return { feeds, tokens: layout.N, count: labelled.rows.length };
  };
}

/**
 * Compiles a decoder for training: each run computes the loss and adds up the gradients of every parameter.
 *
 * Cost: nothing below the first adapter is pulled back; the last layer's MLP and the head see labelled rows only.
 * Errors: failed_precondition when `onLinear` adds no parameter; not_found names a missing tensor.
 */
export async function createTrainingProgram(options: DecoderOptions): Promise<DecoderProgram> {
  const built = buildDecoderGraph(options);
  if (built.parameters.length === 0) {
    throw new QtuneError(
      "failed_precondition",
      "expected an adapter that adds parameters; nothing is trainable",
      { where: "onLinear" },
    );
  }
  const gradients = differentiate(built.graph, built.loss, built.parameters);
  const named = built.parameters.map(({ name }, k) => [`gradient:${name}`, gradients[k]] as const);
  const outputs: Record<string, Tensor> = { nll: built.nll };
  for (const [name, gradient] of named) if (gradient !== undefined) outputs[name] = gradient;
  const program = await compile(built.graph, { ...options, prepack: prepackOf(options), outputs });
  return createDecoderProgram(program, options.config);
}

/**
 * Packing float32 weights gained nothing measurable at 512 rows and cost their memory once more per direction; the integer
 * kernels are made for packed weights.
 */
function prepackOf(options: DecoderOptions): boolean {
  const { prepack, baseWeights = "float32" } = options;
  const isNarrow = baseWeights === "int8" || baseWeights === "int4";
  return prepack ?? (isNarrow && kernelOf(options) === "integer");
}

/**
 * Compiles a decoder for scoring: no reverse pass, `takeGradients` returns nothing.
 *
 * Errors: running throws data_loss where a loss is no finite number.
 */
export async function createScoringProgram(options: ScoringOptions): Promise<DecoderProgram> {
  const { graph, nll, logits } = buildDecoderGraph(options);
  const outputs = options.returnLogits === true ? { nll, logits } : { nll };
  const program = await compile(graph, { ...options, prepack: prepackOf(options), outputs });
  const scoring = createDecoderProgram(program, options.config, { share: options.shareBeginnings });
  return {
    ...scoring,
    async run(sequences, runOptions) {
      const result = await scoring.run(sequences, runOptions);
      if (Number.isFinite(result.loss)) return result;
      throw new QtuneError(
        "data_loss",
        `expected finite losses but the sum of ${result.count} is ${result.loss}; a weight of the model or its adapter ` +
          "is no finite number, or the model overflows: fetch it again, or try float32 base weights",
        { where: "score.loss" },
      );
    },
  };
}

function createDecoderProgram(
  program: Program,
  config: ModelConfig,
  layout: { readonly share?: boolean | undefined } = {},
): DecoderProgram {
  const feedsOf = createDecoderFeeds(config, layout);
  return {
    parameters: program.parameters,
    report: program.report,
    bindParameters: (values) => program.bindParameters(values),
    async run(sequences, options) {
      const { feeds, tokens, count } = feedsOf(sequences);
      const outputs = await program.run(feeds, options);
      const nll = Float64Array.from(outputs["nll"]?.data as Float32Array); // a float output
      const logits = outputs["logits"]?.data as Float32Array | Float64Array | undefined;
      let loss = 0;
      for (const value of nll) loss += value;
      return { loss, count, tokens, nll, ...(logits === undefined ? {} : { logits }) };
    },
    async takeGradients(options) {
      const gradients = await program.takeGradients(options);
      const prefix = "gradient:".length;
      return Object.fromEntries(
        Object.entries(gradients).map(([name, data]) => [name.slice(prefix), data]),
      );
    },
    close: () => program.close(),
  };
}
