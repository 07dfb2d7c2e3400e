/**
 * The decoder of the Llama family as a graph: Llama 2 and 3, TinyLlama, SmolLM2, MiniMind2, Qwen2 (bias on q, k, v), Qwen3
 * (norm of q and k per head). Names and conventions follow Hugging Face: half-split rotary pairs, query head h uses key
 * head h / (heads / kvHeads), a norm multiplies by its weight after rounding.
 *
 * Letters: N rows (real tokens), B sequences, T longest sequence, H query heads, G key heads, D head size, d hidden.
 */
import { QtuneError } from "@qtune/base";
import type { Dim, Graph, Tensor, WeightSource } from "@qtune/graph";
import type { ModelConfig } from "../config/model-config.ts";
import type { LinearModule, OnLinear } from "./on-linear.ts";

/** Queries, keys and values of one layer, positions applied. Shapes: q [N, H·D], k, v [N, G·D]. */
export interface AttentionInputs {
  readonly layer: number;
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
}

/**
 * How the frozen linear maps are kept. `float16` is widened on each use; `int8` and `int4` are rounded per block of 32, and used
 * by one of two kernels. Embedding and norms stay float32.
 */
export type BaseWeights = "float32" | "float16" | "int8" | "int4";

/**
 * How products with `int8` and `int4` weights are computed. Both round the weights to the same values.
 *
 * - `widened`: weights become floats where they are used, one copy serves both directions, activations stay exact.
 * - `integer`: activations are rounded to 8 bits per block and multiplied as integers; the reverse pass has a copy of its own.
 */
export type QuantisedKernel = "widened" | "integer";

/**
 * What the reverse pass computes again instead of keeping: the weights of attention, H·T values per row and layer, at one or two
 * percent more time, or whole layers, at a third more.
 */
export type Recompute = "nothing" | "attention" | "layers";

/** How a decoder is built. */
export interface BuildDecoderOptions {
  readonly graph: Graph;
  readonly config: ModelConfig;
  readonly tensors: ReadonlyMap<string, WeightSource>;
  readonly onLinear?: OnLinear | undefined;
  /** Default `float32`. */
  readonly baseWeights?: BaseWeights | undefined;
  /** Default `integer`. */
  readonly quantisedKernel?: QuantisedKernel | undefined;
  /** How the head is kept: `int8` for generation, which reads all of it for each token. Default `float32`. */
  readonly headWeights?: "float32" | "int8" | undefined;
  /** What the reverse pass computes again. Default `nothing`. */
  readonly recompute?: Recompute | undefined;
  readonly inputs: {
    /** int64 [N]. */
    readonly ids: Tensor;
    /** int64 [N]. */
    readonly positions: Tensor;
    /** [P, D/2]. */
    readonly cos: Tensor;
    readonly sin: Tensor;
  };
  /** Mixes tokens: returns rows [N, H·D]. */
  readonly attend: (inputs: AttentionInputs) => Tensor;
  /** Keeps the rows whose logits are wanted, once the last layer has attended. Shapes: [N, …] → [R, …]. */
  readonly keepRows: (rows: Tensor) => Tensor;
}

/** Builds the decoder and returns the logits of the kept rows. Shapes: [R, vocab]. */
export function buildDecoder(options: BuildDecoderOptions): Tensor {
  const { graph, config, inputs } = options;
  assertSupported(config);
  const weights = createWeights(options);
  const embedding = weights.matrix("model.embed_tokens.weight", [config.vocab, config.hidden]);
  let x = graph.gather(embedding, inputs.ids);
  for (let layer = 0; layer < config.layers; layer++) {
    const input = x;
    const build = (): Tensor =>
      graph.withScope(`model.layers.${layer}`, () => buildLayer(options, weights, layer, input));
    // The last layer is pulled back at once: computing it again would save nothing.
    const isRepeated = options.recompute === "layers" && layer < config.layers - 1;
    x = isRepeated ? graph.checkpoint(input, build) : build();
  }
  const normed = graph.rmsNorm(x, weights.vector("model.norm.weight", config.hidden), config.eps);
  const headName = config.tied ? "model.embed_tokens.weight" : "lm_head.weight";
  const size = [config.vocab, config.hidden] as const;
  return graph.withScope("lm_head", () =>
    options.headWeights === "int8"
      ? weights.applyInt8(headName, size, normed)
      : graph.linear(normed, config.tied ? embedding : weights.matrix(headName, size)),
  );
}

function assertSupported(config: ModelConfig): void {
  if (config.slidingWindow !== undefined && config.slidingWindow < config.maxPositions) {
    throw new QtuneError(
      "unimplemented",
      `attention to the last ${config.slidingWindow} tokens only is not supported; set max_position_embeddings to at most ${config.slidingWindow} to use the model up to that length`,
      { where: "config.sliding_window" },
    );
  }
}

interface Weights {
  vector(name: string, size: number): Tensor;
  matrix(name: string, shape: readonly [number, number]): Tensor;
  /** Multiplies rows by a frozen matrix [out, in]. */
  apply(name: string, shape: readonly [number, number], rows: Tensor, bias?: Tensor): Tensor;
  /** Multiplies rows by a frozen matrix [out, in] of 8 bits, in integers. */
  applyInt8(name: string, shape: readonly [number, number], rows: Tensor): Tensor;
}

/** Values that share a scale in quantised matrices. */
const blockSize = 32;

/** Adds each weight once, checking that it is there and has the shape that the configuration promises. */
function createWeights({
  graph,
  tensors,
  baseWeights = "float32",
  quantisedKernel = "integer",
}: BuildDecoderOptions): Weights {
  const known = new Map<string, Tensor>();
  const sourceOf = (name: string, shape: readonly number[]): WeightSource => {
    const source = tensors.get(name);
    if (source === undefined) {
      throw new QtuneError("not_found", `the model has no tensor ${name}`, { where: "tensors" });
    }
    if (
      source.shape.length !== shape.length ||
      source.shape.some((dim, axis) => dim !== shape[axis])
    ) {
      throw new QtuneError(
        "invalid_argument",
        `expected shape [${shape.join(", ")}] by the configuration but the file holds [${source.shape.join(", ")}]`,
        { where: `tensors.${name}` },
      );
    }
    return source;
  };
  const get = (name: string, shape: readonly number[]): Tensor => {
    const weight = known.get(name) ?? graph.weight(name, sourceOf(name, shape));
    known.set(name, weight);
    return weight;
  };
  const half = (name: string, shape: readonly number[]): Tensor => {
    const key = `${name}:float16`;
    const weight =
      known.get(key) ?? graph.weight(key, sourceOf(name, shape), { storage: "float16" });
    known.set(key, weight);
    return weight;
  };
  return {
    vector: (name, size) => get(name, [size]),
    matrix: (name, shape) => get(name, shape),
    applyInt8: (name, shape, rows) =>
      graph.quantisedLinear(rows, {
        name: `${name}:head`,
        source: sourceOf(name, shape),
        format: { bits: 8, blockSize, transposed: false },
      }),
    apply(name, shape, rows, bias) {
      if (baseWeights === "float32") return graph.linear(rows, get(name, shape), bias);
      if (baseWeights === "float16") return graph.linear(rows, half(name, shape), bias);
      const bits = baseWeights === "int8" ? 8 : 4;
      const format = { bits, blockSize, transposed: false } as const;
      const matrix = { name, source: sourceOf(name, shape), format };
      const y =
        quantisedKernel === "integer"
          ? graph.quantisedLinear(rows, matrix)
          : graph.matMul(rows, graph.widenedWeight(matrix));
      return bias === undefined ? y : graph.add(y, bias);
    },
  };
}

function buildLayer(
  options: BuildDecoderOptions,
  weights: Weights,
  layer: number,
  x: Tensor,
): Tensor {
  const { graph, config, inputs } = options;
  const { hidden, heads, kvHeads, headDim, ffn, eps } = config;
  const prefix = `model.layers.${layer}`;
  const isLast = layer === config.layers - 1;
  const norm = (name: string, rows: Tensor): Tensor =>
    graph.rmsNorm(rows, weights.vector(`${prefix}.${name}.weight`, hidden), eps);
  const linear = (
    module: LinearModule,
    rows: Tensor,
    size: readonly [out: number, into: number],
    bias: boolean,
  ): Tensor => {
    const block =
      module === "gate_proj" || module === "up_proj" || module === "down_proj"
        ? "mlp"
        : "self_attn";
    const path = `${prefix}.${block}.${module}`;
    const [outFeatures, inFeatures] = size;
    return graph.withScope(`${block}.${module}`, () => {
      const biasTensor = bias ? weights.vector(`${path}.bias`, outFeatures) : undefined;
      const y = weights.apply(`${path}.weight`, [outFeatures, inFeatures], rows, biasTensor);
      const call = { graph, layer, module, path, x: rows, y, inFeatures, outFeatures };
      return options.onLinear?.(call) ?? y;
    });
  };
  const normHeads = (rows: Tensor, count: number, name: string): Tensor => {
    if (!config.qkNorm) return rows;
    const N: Dim = rows.shape[0] ?? 1;
    const perHead = graph.reshape(rows, [-1, headDim]);
    const normed = graph.rmsNorm(
      perHead,
      weights.vector(`${prefix}.self_attn.${name}.weight`, headDim),
      eps,
    );
    return graph.reshape(normed, [N, count * headDim]);
  };
  const rotate = (rows: Tensor): Tensor =>
    graph.rotary(rows, inputs.positions, inputs.cos, inputs.sin);

  const h = norm("input_layernorm", x);
  const q = normHeads(
    linear("q_proj", h, [heads * headDim, hidden], config.qkvBias),
    heads,
    "q_norm",
  );
  const k = normHeads(
    linear("k_proj", h, [kvHeads * headDim, hidden], config.qkvBias),
    kvHeads,
    "k_norm",
  );
  const v = linear("v_proj", h, [kvHeads * headDim, hidden], config.qkvBias);
  const mixed = options.attend({ layer, q: rotate(q), k: rotate(k), v });
  // From here on the last layer works on the wanted rows alone.
  const context = isLast ? options.keepRows(mixed) : mixed;
  const residual = isLast ? options.keepRows(x) : x;
  const attended = graph.add(
    residual,
    linear("o_proj", context, [hidden, heads * headDim], config.outputBias),
  );
  const m = norm("post_attention_layernorm", attended);
  const gate = linear("gate_proj", m, [ffn, hidden], config.mlpBias);
  const up = linear("up_proj", m, [ffn, hidden], config.mlpBias);
  const inner = graph.multiply(graph.silu(gate), up);
  return graph.add(attended, linear("down_proj", inner, [hidden, ffn], config.mlpBias));
}

/**
 * Attends within each sequence of a padded batch, keeping what the reverse pass needs.
 *
 * The H/G query heads of a key head are laid one after the other, [B, G, (H/G)·T, D]: keys are never repeated, and their
 * cotangents add up inside the product.
 */
export function buildTrainingAttention(
  graph: Graph,
  config: ModelConfig,
  inputs: {
    readonly queryPlaces: Tensor;
    readonly queryRows: Tensor;
    readonly keyPlaces: Tensor;
    readonly keyRows: Tensor;
    /** Additive mask [T, T]. */
    readonly mask: Tensor;
  },
  recompute: Recompute = "nothing",
): (attention: AttentionInputs) => Tensor {
  const { heads, kvHeads, headDim } = config;
  const groupedRows: Dim = `${heads / kvHeads}*T`;
  // Nothing depends on padded places: their keys are masked, their rows dropped. Every row has a place.
  const anyPadding = { padding: "any", inversePadding: "any" } as const;
  const mix = ({ q, k, v }: AttentionInputs): Tensor => {
    const N = q.shape[0] ?? 1;
    const place = (rows: Tensor, kind: "query" | "key"): Tensor =>
      graph.gatherRows(
        graph.reshape(rows, [-1, headDim]),
        inputs[`${kind}Places`],
        inputs[`${kind}Rows`],
        anyPadding,
      );
    const queries = graph.reshape(place(q, "query"), ["B", kvHeads, groupedRows, headDim]);
    const keys = place(k, "key"); // [B, G, T, D]
    const values = place(v, "key");
    const scores = graph.matMul(queries, keys, { transposeB: true, scale: headDim ** -0.5 });
    const masked = graph.add(graph.reshape(scores, ["B", heads, "T", "T"]), inputs.mask);
    const weights = graph.reshape(graph.softmax(masked), ["B", kvHeads, groupedRows, "T"]);
    const context = graph.matMul(weights, values); // [B, G, (H/G)·T, D]
    const flat = graph.reshape(context, [-1, headDim]);
    const rows = graph.gatherRows(flat, inputs.queryRows, inputs.queryPlaces, {
      padding: "any",
      inversePadding: "zero",
    });
    return graph.reshape(rows, [N, heads * headDim]);
  };
  return (attention) =>
    graph.withScope(`model.layers.${attention.layer}.self_attn`, () =>
      recompute === "attention"
        ? graph.checkpoint(attention.q, () => mix(attention))
        : mix(attention),
    );
}
