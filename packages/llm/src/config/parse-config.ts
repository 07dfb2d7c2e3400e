/** Reads `config.json` (and `generation_config.json`) of a Hugging Face model, both generations, into a ModelConfig. */
import { type Issue, QtuneError, suggest } from "@qtune/base";
import { createFieldReader, type FieldReader, isJsonObject } from "./field-reader.ts";
import { maxLayers, type Architecture, type ModelConfig } from "./model-config.ts";
import { parseRope } from "./parse-rope.ts";

/** What differs between families; the rest is read from the file. */
interface FamilyRow {
  readonly architecture: Architecture;
  readonly qkNorm: boolean;
  /** Which biases there are, given the file's `attention_bias`. */
  readonly biases: (attentionBias: boolean) => { readonly qkv: boolean; readonly output: boolean };
  /** Width of a head when the file names none. */
  readonly headDim?: number;
}

const sameBias: FamilyRow["biases"] = (bias) => ({ qkv: bias, output: bias });

/** Every supported `model_type` once. */
const families: Readonly<Record<string, FamilyRow>> = {
  llama: { architecture: "llama", qkNorm: false, biases: sameBias },
  mistral: {
    architecture: "mistral",
    qkNorm: false,
    biases: () => ({ qkv: false, output: false }),
  },
  qwen2: { architecture: "qwen2", qkNorm: false, biases: () => ({ qkv: true, output: false }) },
  qwen3: { architecture: "qwen3", qkNorm: true, biases: sameBias, headDim: 128 },
};

/** Options of {@link parseModelConfig}. */
export interface ParseConfigOptions {
  /** Name of the file for messages. Default: `config.json`. */
  readonly file?: string;
  /** Parsed `generation_config.json`; its token ids win over those of `config.json`. */
  readonly generationConfig?: unknown;
}

/**
 * Reads a parsed `config.json`.
 *
 * Effect: pure.
 * Errors: invalid_argument with every problem: unknown architecture or rope type, missing or impossible sizes,
 *         features the engine does not have. Nothing falls back to a default silently.
 *
 * @example
 * const config = parseModelConfig(JSON.parse(text), { file: "config.json" });
 */
export function parseModelConfig(json: unknown, options: ParseConfigOptions = {}): ModelConfig {
  const file = options.file ?? "config.json";
  if (!isJsonObject(json)) {
    throw new QtuneError("invalid_argument", "expected a JSON object", { where: file });
  }
  const issues: Issue[] = [];
  const fields = createFieldReader(json, { path: "", file, issues });
  const family = findFamily(fields);
  if (family === undefined) throw QtuneError.fromIssues(issues); // without it the other fields mean nothing
  const config = readConfig(family, fields, nestedReader(json, file, issues), options);
  checkUnsupported(fields);
  if (issues.length === 0) checkSizes(config, fields); // sizes that were unreadable would only add noise
  if (issues.length > 0) throw QtuneError.fromIssues(issues);
  return config;
}

function nestedReader(json: Readonly<Record<string, unknown>>, file: string, issues: Issue[]) {
  return (key: string): FieldReader => {
    const inner = json[key];
    return createFieldReader(isJsonObject(inner) ? inner : {}, { path: key, file, issues });
  };
}

function findFamily(fields: FieldReader): FamilyRow | undefined {
  const names = Object.keys(families);
  const given = fields.raw("model_type");
  if (typeof given === "string" && Object.hasOwn(families, given)) return families[given];
  const close = typeof given === "string" ? suggest(given, names) : undefined;
  fields.complain("model_type", {
    expected: `one of ${names.join(", ")}`,
    given: given === undefined ? "nothing" : JSON.stringify(given),
    hint:
      close === undefined
        ? "this architecture is not supported; Llama, TinyLlama, SmolLM2, Qwen2, Qwen2.5, Qwen3 and MiniMind2 are"
        : `did you mean ${close}?`,
  });
  return undefined;
}

function readConfig(
  family: FamilyRow,
  fields: FieldReader,
  nested: (key: string) => FieldReader,
  options: ParseConfigOptions,
): ModelConfig {
  const hidden = fields.count("hidden_size");
  const heads = fields.count("num_attention_heads");
  const headDim = fields.count("head_dim", family.headDim ?? hidden / heads);
  const maxPositions = fields.count("max_position_embeddings");
  const biases = family.biases(fields.flag("attention_bias", false));
  const generation = isJsonObject(options.generationConfig) ? options.generationConfig : {};
  const idsOf = (key: string): readonly number[] =>
    tokenIds(generation[key] ?? fields.raw(key), key, fields);
  return {
    architecture: family.architecture,
    layers: fields.count("num_hidden_layers", undefined, maxLayers),
    hidden,
    heads,
    kvHeads: fields.count("num_key_value_heads", heads),
    headDim,
    ffn: fields.count("intermediate_size"),
    vocab: fields.count("vocab_size"),
    maxPositions,
    rope: parseRope(fields, nested, { headDim, maxPositions }),
    eps: fields.positive("rms_norm_eps", 1e-6),
    tied: fields.flag("tie_word_embeddings", false),
    qkvBias: biases.qkv,
    outputBias: biases.output,
    mlpBias: fields.flag("mlp_bias", false),
    qkNorm: family.qkNorm,
    slidingWindow: slidingWindow(family, fields),
    bosId: idsOf("bos_token_id")[0],
    eosIds: idsOf("eos_token_id"),
    padId: idsOf("pad_token_id")[0],
    storedDtype: fields.text("dtype") ?? fields.text("torch_dtype"),
  };
}

/** A token id is absent, a number or a list of numbers. */
function tokenIds(value: unknown, key: string, fields: FieldReader): readonly number[] {
  if (value === undefined || value === null) return [];
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const isId = (id: unknown): id is number => Number.isSafeInteger(id) && Number(id) >= 0;
  if (list.every(isId)) return list;
  // -1 stands for "none" in files that old converters wrote.
  if (value === -1) return [];
  fields.complain(key, { expected: "a token id or a list of them", given: JSON.stringify(value) });
  return [];
}

/** Mistral's window holds unless null; Qwen's only when switched on, or where a layer says so. */
function slidingWindow(family: FamilyRow, fields: FieldReader): number | undefined {
  const types = fields.raw("layer_types");
  const isNamed = Array.isArray(types) && types.includes("sliding_attention");
  const isOn =
    family.architecture === "mistral" || fields.flag("use_sliding_window", false) || isNamed;
  if (!isOn || !fields.has("sliding_window")) return undefined;
  return fields.count("sliding_window");
}

/** Complains about what would change the numbers and is not implemented. */
function checkUnsupported(fields: FieldReader): void {
  const activation = fields.raw("hidden_act") ?? "silu";
  if (activation !== "silu") {
    fields.complain("hidden_act", { expected: '"silu"', given: JSON.stringify(activation) });
  }
  if (fields.has("quantization_config")) {
    fields.complain("quantization_config", {
      expected: "plain weights",
      given: "a quantised checkpoint",
      hint: "take the F16 or BF16 release of the model, or its GGUF file",
    });
  }
}

function checkSizes(config: ModelConfig, fields: FieldReader): void {
  if (config.heads % config.kvHeads !== 0) {
    const expected = `a divisor of num_attention_heads = ${config.heads}`;
    fields.complain("num_key_value_heads", { expected, given: `${config.kvHeads}` });
  }
  if (!Number.isInteger(config.headDim) || config.headDim % 2 !== 0) {
    const hint = "it is hidden_size / num_attention_heads where the file names none";
    fields.complain("head_dim", { expected: "an even integer", given: `${config.headDim}`, hint });
  }
  for (const id of [config.bosId, ...config.eosIds, config.padId]) {
    if (id !== undefined && id >= config.vocab) {
      fields.complain("vocab_size", {
        expected: `more than the token id ${id}`,
        given: `${config.vocab}`,
      });
    }
  }
}
