import { z } from "zod";
import { validateBySchema } from "../config/parse-run-config.ts";

/** Version of the schema of evaluation requests. */
export const evalConfigSchemaId = "qtune.eval/1";

/** What is measured, and on which data. */
export const evalConfigSchema = z.strictObject({
  task: z
    .enum(["nll", "arithmetic", "gsm8k", "choice"])
    .describe(
      "nll: loss of answer tokens; arithmetic, gsm8k: generated answers; choice: likeliest option",
    ),
  data: z.string().min(1).default("builtin:school-arithmetic").describe("builtin:NAME or a file"),
  part: z
    .enum(["train", "validation", "newNumbers", "newFrames"])
    .default("validation")
    .describe("part of a built-in set"),
  seed: z.int().min(0).default(0).describe("seed of the built-in set: that of the training"),
  limit: z.int().min(1).optional().describe("first items only"),
  fewShot: z
    .int()
    .min(0)
    .max(64)
    .default(0)
    .describe("worked examples in front of each question (gsm8k)"),
  chat: z.boolean().default(true).describe("questions in the model's chat template"),
  system: z.string().optional(),
  maxTokens: z
    .int()
    .min(1)
    .default(1024)
    .describe("longer examples are cut at the end and counted"),
  maxNewTokens: z.int().min(1).default(32).describe("most tokens of a generated answer"),
  microBatchTokens: z.int().min(1).default(1024).describe("most tokens computed at once"),
  batchRows: z.int().min(1).default(200).describe("answers generated together"),
  level: z.union([z.literal(1), z.literal(2), z.literal(3)]).default(1),
  languages: z
    .array(z.enum(["zh", "en"]))
    .min(1)
    .default(["zh"]),
  operators: z
    .array(z.enum(["add", "subtract", "multiply"]))
    .min(1)
    .default(["add", "subtract"]),
  maxOperand: z.int().min(2).max(10_000).default(20),
});

/** An evaluation request with every default filled in. */
export type EvalConfig = z.output<typeof evalConfigSchema>;

/** An evaluation request as people write it. */
export type EvalConfigInput = z.input<typeof evalConfigSchema>;

/** Checks an evaluation request and fills in defaults. Errors: invalid_argument with every problem at once. */
export function parseEvalConfig(value: unknown): EvalConfig {
  return validateBySchema(evalConfigSchema, value);
}
