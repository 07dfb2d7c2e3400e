/**
 * The run configuration: one schema for files, the command line, the wire and editors (`runConfigJsonSchema`). Unknown
 * keys are errors; what an adapter means is checked again by `@qtune/adapters`.
 */
import { type AdapterOptions, adapterKinds } from "@qtune/adapters";
import { z } from "zod";

/** Version of the schema. */
export const runConfigSchemaId = "qtune.run/1";

const count = z.int().min(1);
const index = z.int().min(0);
const seed = z.int().min(0);

/** Shapes of records that are read; auto looks at the first one. */
export const dataFormats = [
  "auto",
  "text",
  "prompt",
  "chat",
  "alpaca",
  "sharegpt",
  "cpsycoun",
  "tokens",
] as const;

/** What is trained on. */
export const dataSchema = z.strictObject({
  source: z
    .string()
    .min(1)
    .default("builtin:school-arithmetic")
    .describe("builtin:school-arithmetic, or a file: .jsonl, .json, .txt"),
  format: z
    .enum(dataFormats)
    .default("auto")
    .describe("shape of the records; auto looks at the first one"),
  template: z
    .enum(["chat", "plain"])
    .default("chat")
    .describe("chat: the model's chat template; plain: prompt and answer as they stand"),
  system: z.string().optional().describe("system message put in front of each conversation"),
  maxTokens: count.default(1024).describe("longer examples are cut at the end and counted"),
  validation: z
    .union([z.number().gt(0).lt(1), count])
    .default(100)
    .describe("held-out examples: a number, or a share below 1"),
  seed: seed.optional().describe("seed of generation, split and order; default: train.seed"),
  limit: count.optional().describe("use only the first examples"),
  level: z
    .union([z.literal(1), z.literal(2), z.literal(3)])
    .default(1)
    .describe("built-in: steps per problem"),
  languages: z
    .array(z.enum(["zh", "en"]))
    .min(1)
    .default(["zh"])
    .describe("built-in: languages"),
  operators: z
    .array(z.enum(["add", "subtract", "multiply"]))
    .min(1)
    .default(["add", "subtract"])
    .describe("built-in: operators"),
  maxOperand: count.min(2).max(10_000).default(20).describe("built-in: largest stated operand"),
});

const mpoSchema = z.strictObject({
  bottleneck: z.array(count).min(2).describe("modes between the two tensor networks"),
  ranks: z.array(count).min(3).describe("bond dimensions, one more than modes, 1 at both ends"),
  modes: z.record(z.string(), z.array(count)).optional().describe("modes of a width, by width"),
});

/** What is put on the model. */
export const adapterSchema = z.strictObject({
  kind: z
    .enum(adapterKinds as [string, ...string[]])
    .describe("lora, or letters of the QTHA architecture"),
  rank: count.max(1024).describe("rows of the bottleneck; qubits of a circuit"),
  alpha: z.number().positive().optional().describe("scale is alpha / rank; default 2 · rank"),
  rslora: z.boolean().optional().describe("scale is alpha / √rank"),
  targets: z
    .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
    .optional()
    .describe("names, one regular expression, or all-linear; default q_proj and v_proj"),
  layers: z.array(index).min(1).optional().describe("layers to adapt; default all"),
  classicalLayers: z.array(index).optional().describe("layers that take plain LoRA instead"),
  qlayers: count.max(64).optional().describe("blocks of the circuit; default 1"),
  ansatz: z
    .enum(["ring", "path", "product"])
    .optional()
    .describe("coupling of the circuit; default ring"),
  fusion: z
    .enum(["linear", "hadamard"])
    .optional()
    .describe("how circuit and matrix join; default linear"),
  mpo: mpoSchema.optional().describe("tensor network; default as published"),
  init: z
    .enum(["published", "lora", "matched"])
    .optional()
    .describe("initial values; default matched"),
  loraPlusRatio: z
    .number()
    .min(1)
    .optional()
    .describe("learning rate factor of the output side (LoRA+)"),
  budget: z
    .strictObject({
      circuits: z.number().positive().optional(),
      shots: z.number().positive().optional(),
      chipSeconds: z.number().positive().optional(),
    })
    .optional()
    .describe("most that the circuits of the run may cost"),
});

/** How it is trained. */
export const trainSchema = z.strictObject({
  steps: count.optional().describe("optimiser steps; default: one pass over the data"),
  epochs: z.number().positive().optional().describe("passes over the data, instead of steps"),
  batchExamples: count.default(16).describe("examples per optimiser step"),
  batchTokens: count.optional().describe("tokens per optimiser step, instead of batchExamples"),
  microBatchTokens: count.default(512).describe("most tokens computed at once"),
  lr: z.number().positive().default(2e-4).describe("peak learning rate"),
  schedule: z.enum(["constant", "linear", "cosine"]).default("cosine"),
  warmupSteps: index.default(0),
  warmupRatio: z.number().min(0).max(1).optional().describe("warm-up as a share of the steps"),
  weightDecay: z.number().min(0).default(0),
  beta1: z.number().min(0).lt(1).default(0.9),
  beta2: z.number().min(0).lt(1).default(0.999),
  epsilon: z.number().positive().default(1e-8),
  clipNorm: z.number().min(0).default(1).describe("global gradient norm; 0: no clipping"),
  seed: seed.default(0).describe("initial values and order of the data"),
  checkpointEvery: count.default(10).describe("steps between checkpoints"),
  saveTotalLimit: count.default(3).describe("checkpoints kept; the best one is never deleted"),
  earlyStopPatience: count.optional().describe("evaluations without improvement before it stops"),
  lossLimit: z
    .number()
    .positive()
    .optional()
    .describe("stop when the loss stays above for lossLimitPatience steps"),
  lossLimitPatience: count.default(10),
  threads: count.optional().describe("threads of the engine; default: the cores"),
  baseWeights: z
    .enum(["float32", "float16", "int8", "int4"])
    .default("float32")
    .describe("how the frozen matrices are kept: fewer bits take less memory and round the model"),
  gradientCheckpointing: z
    .boolean()
    .default(false)
    .describe("compute each layer again in the reverse pass: a third more time, far less memory"),
});

/** What is measured on the way. */
export const evalSchema = z.strictObject({
  every: index.default(0).describe("steps between evaluations; 0: none on the way"),
  atEnd: z.boolean().default(false).describe("evaluate after the last step"),
  tasks: z
    .array(z.enum(["nll", "arithmetic"]))
    .min(1)
    .default(["nll"]),
  limit: count.default(100).describe("items per task"),
  maxNewTokens: count.default(32),
});

/** Who runs the circuits. */
export const executorSchema = z.strictObject({
  kind: z.enum(["exact", "simulator", "device"]).default("exact"),
  placement: z
    .enum(["auto", "host", "graph"])
    .default("auto")
    .describe(
      "exact circuits: in the model's graph, or by the executor; auto: graph up to 6 qubits",
    ),
  target: z.string().optional().describe("grpc://host:port of a device or simulator service"),
  chip: z.string().optional().describe("device id, e.g. wukong-72"),
  shots: count.optional().describe("shots per circuit; default: exact values"),
  seed: seed.optional().describe("seed of everything random in the circuits"),
  gradient: z.enum(["adjoint", "parameter-shift", "spsa", "finite-difference"]).optional(),
  quantiseRad: z
    .number()
    .positive()
    .optional()
    .describe("round angles to multiples, so that circuits repeat"),
  sampledTokens: count
    .optional()
    .describe("tokens per micro-batch and module that are measured; the rest exact"),
});

/** A whole run. */
export const runConfigSchema = z.strictObject({
  model: z.string().min(1).describe("short name, folder, npm:…, pypi:…, hf:…"),
  data: dataSchema.prefault({}),
  adapter: adapterSchema,
  train: trainSchema.prefault({}),
  eval: evalSchema.prefault({}),
  executor: executorSchema.prefault({}),
  output: z.string().min(1).optional().describe("folder of the run; default runs/<time>"),
});

type ParsedRunConfig = z.output<typeof runConfigSchema>;

/** A run configuration with every default filled in. */
export interface RunConfig extends Omit<ParsedRunConfig, "adapter"> {
  readonly adapter: AdapterOptions & { readonly budget?: ParsedRunConfig["adapter"]["budget"] };
}

/** A run configuration as people write it. */
export type RunConfigInput = z.input<typeof runConfigSchema>;

/** Returns the schema for editors (JSON Schema, draft 2020-12). */
export function runConfigJsonSchema(): object {
  return { $id: runConfigSchemaId, ...z.toJSONSchema(runConfigSchema, { io: "input" }) };
}
