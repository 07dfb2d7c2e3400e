/** The configuration inside a GGUF file, as the same ModelConfig that `config.json` gives. */
import { type Issue, QtuneError, suggest } from "@qtune/base";
import type { GgufFile, GgufValue } from "@qtune/weights";
import {
  maxLayers,
  type Architecture,
  type ModelConfig,
  type RopeScaling,
} from "./model-config.ts";

/** Architectures by their GGUF name. Mistral files call themselves llama. */
const architectures: Readonly<Record<string, Architecture>> = {
  llama: "llama",
  qwen2: "qwen2",
  qwen3: "qwen3",
};

/**
 * Reads the configuration of an open GGUF file.
 *
 * Effect: reads `rope_freqs.weight` where there is one; nothing else of the tensors.
 * Errors: invalid_argument with every problem: unknown architecture or rope type, missing keys, experts.
 */
export async function parseGgufConfig(gguf: GgufFile, file: string): Promise<ModelConfig> {
  const issues: Issue[] = [];
  const name = gguf.values.get("general.architecture");
  const architecture =
    typeof name === "string" && Object.hasOwn(architectures, name)
      ? architectures[name]
      : undefined;
  if (architecture === undefined || typeof name !== "string") throw unknownArchitecture(name, file);
  const fields = createGgufReader(gguf.values, name, file, issues);
  const has = (tensor: string): boolean => gguf.tensors.has(tensor);
  const hidden = fields.count("embedding_length");
  const heads = fields.count("attention.head_count");
  const headDim = fields.count(
    "attention.key_length",
    fields.count("rope.dimension_count", hidden / heads),
  );
  const maxPositions = fields.count("context_length");
  if ((fields.optional("expert_count") ?? 0) > 0) {
    issues.push({
      where: `${name}.expert_count`,
      file,
      expected: "0",
      given: "experts",
      hint: "mixtures of experts are not supported",
    });
  }
  const layers = fields.count("block_count");
  if (layers > maxLayers) {
    issues.push({
      where: `${name}.block_count`,
      file,
      expected: `at most ${maxLayers}`,
      given: String(layers),
    });
  }
  const config: ModelConfig = {
    architecture,
    layers,
    hidden,
    heads,
    kvHeads: fields.count("attention.head_count_kv", heads),
    headDim,
    ffn: fields.count("feed_forward_length"),
    vocab: gguf.tensors.get("token_embd.weight")?.shape[0] ?? 0,
    maxPositions,
    rope: {
      theta: fields.number("rope.freq_base", 10_000),
      scaling: await ropeScaling(gguf, fields, maxPositions),
    },
    eps: fields.number("attention.layer_norm_rms_epsilon"),
    tied: !has("output.weight"),
    qkvBias: has("blk.0.attn_q.bias"),
    outputBias: has("blk.0.attn_output.bias"),
    mlpBias: has("blk.0.ffn_up.bias"),
    qkNorm: has("blk.0.attn_q_norm.weight"),
    slidingWindow: fields.optional("attention.sliding_window"),
    ...tokenIds(gguf.values),
    storedDtype: mainType(gguf),
  };
  if (config.vocab === 0)
    issues.push({ where: "token_embd.weight", file, expected: "the embedding", given: "nothing" });
  if (issues.length === 0) checkSizes(config, fields); // sizes that were unreadable would only add noise
  if (issues.length > 0) throw QtuneError.fromIssues(issues);
  return config;
}

/** Complains about sizes that contradict each other, and about what would change the numbers and is not implemented. */
function checkSizes(config: ModelConfig, fields: GgufReader): void {
  const { heads, kvHeads, headDim, vocab } = config;
  if (heads % kvHeads !== 0) {
    const expected = `a divisor of attention.head_count = ${heads}`;
    fields.complain("attention.head_count_kv", { expected, given: `${kvHeads}` });
  }
  if (headDim % 2 !== 0) {
    const hint = "it is embedding_length / attention.head_count where the file names none";
    fields.complain("attention.key_length", {
      expected: "an even integer",
      given: `${headDim}`,
      hint,
    });
  }
  const equal = { "attention.value_length": "values", "rope.dimension_count": "rotated parts" };
  for (const [key, part] of Object.entries(equal)) {
    const given = fields.optional(key);
    if (given === undefined || given === headDim) continue;
    const hint = `${part} of another width than the heads' are not supported`;
    fields.complain(key, { expected: `${headDim}, the width of a head`, given: `${given}`, hint });
  }
  for (const id of [config.bosId, ...config.eosIds]) {
    if (id === undefined || (Number.isSafeInteger(id) && id >= 0 && id < vocab)) continue;
    const expected = `token ids from 0 to ${vocab - 1}, the rows of the embedding`;
    fields.complain("vocab_size", { expected, given: `${id}` });
  }
}

function unknownArchitecture(name: GgufValue | undefined, file: string): QtuneError {
  const names = Object.keys(architectures);
  const close = typeof name === "string" ? suggest(name, names) : undefined;
  const hint = close === undefined ? {} : { hint: `did you mean ${close}?` };
  const given = name === undefined ? "nothing" : JSON.stringify(name);
  const expected = `one of ${names.join(", ")}`;
  return QtuneError.fromIssues([{ where: "general.architecture", file, expected, given, ...hint }]);
}

/** Typed access to `<architecture>.<key>`; a missing or wrong value adds an issue. */
interface GgufReader {
  count(key: string, fallback?: number): number;
  number(key: string, fallback?: number): number;
  optional(key: string): number | undefined;
  text(key: string): string | undefined;
  complain(key: string, issue: Omit<Issue, "where" | "file">): void;
}

function createGgufReader(
  values: ReadonlyMap<string, GgufValue>,
  prefix: string,
  file: string,
  issues: Issue[],
): GgufReader {
  const complain: GgufReader["complain"] = (key, issue) => {
    issues.push({ where: `${prefix}.${key}`, file, ...issue });
  };
  const number = (key: string, fallback?: number): number => {
    const value = values.get(`${prefix}.${key}`);
    // Numbers of the configuration are float32 in the file; seven digits give the decimal that was meant.
    if (typeof value === "number" && value > 0 && value < Infinity)
      return Number.isInteger(value) ? value : Number(value.toPrecision(7));
    if (value === undefined && fallback !== undefined) return fallback;
    complain(key, {
      expected: "a number above 0",
      given: value === undefined ? "nothing" : String(value).slice(0, 100),
    });
    return 1;
  };
  return {
    complain,
    number,
    count: (key, fallback) => {
      const value = number(key, fallback);
      if (Number.isSafeInteger(value) && value >= 1) return value;
      complain(key, { expected: "a whole number of at least 1", given: `${value}` });
      return 1;
    },
    optional: (key) => {
      const value = values.get(`${prefix}.${key}`);
      return typeof value === "number" && value > 0 ? value : undefined;
    },
    text: (key) => {
      const value = values.get(`${prefix}.${key}`);
      return typeof value === "string" ? value : undefined;
    },
  };
}

async function ropeScaling(
  gguf: GgufFile,
  fields: GgufReader,
  maxPositions: number,
): Promise<RopeScaling> {
  const written = await gguf.tensors.get("rope_freqs.weight")?.readFloat32();
  if (written !== undefined) return { kind: "factors", factors: [...written] };
  const type = fields.text("rope.scaling.type") ?? "none";
  if (type === "none") return { kind: "default" };
  const factor = fields.number("rope.scaling.factor");
  if (type === "linear") return { kind: "linear", factor };
  if (type === "yarn") {
    return {
      kind: "yarn",
      factor,
      betaFast: 32,
      betaSlow: 1,
      originalMaxPositions: fields.count("rope.scaling.original_context_length", maxPositions),
      attentionFactor: fields.number("rope.scaling.attn_factor", 1) * (0.1 * Math.log(factor) + 1),
      truncate: true,
    };
  }
  fields.complain("rope.scaling.type", {
    expected: "none, linear or yarn",
    given: JSON.stringify(type),
  });
  return { kind: "default" };
}

function tokenIds(
  values: ReadonlyMap<string, GgufValue>,
): Pick<ModelConfig, "bosId" | "eosIds" | "padId"> {
  const idOf = (role: string): number | undefined => {
    const value = values.get(`tokenizer.ggml.${role}_token_id`);
    return typeof value === "number" ? value : undefined;
  };
  const ends = [idOf("eos"), idOf("eot")].filter((id) => id !== undefined);
  return { bosId: idOf("bos"), eosIds: [...new Set(ends)], padId: idOf("padding") };
}

/** Returns the type that most of the weights have. */
function mainType(gguf: GgufFile): string {
  const sizes = new Map<string, number>();
  for (const { dtype, shape } of gguf.tensors.values()) {
    sizes.set(dtype, (sizes.get(dtype) ?? 0) + shape.reduce((product, size) => product * size, 1));
  }
  return [...sizes].sort(([, a], [, b]) => b - a)[0]?.[0] ?? "F32";
}
