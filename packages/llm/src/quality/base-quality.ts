/**
 * What fewer bits cost: the perplexity of one text under each way to keep the frozen weights, and its change against float32.
 * A table is kept in the cache beside the model it was measured for, so that it is measured once.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { QtuneError, throwIfAborted, type Abortable, type OnProgress } from "@qtune/base";
import type { Sequence } from "../model/batch.ts";
import { createScoringProgram, type DecoderOptions } from "../model/decoder-program.ts";
import type { BaseWeights } from "../model/decoder.ts";
import { defaultCacheDir } from "../sources/cache-folder.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

const schema = "qtune.base-quality/1";
const formats: readonly BaseWeights[] = ["float32", "float16", "int8", "int4"];

/** One way to keep the weights. */
export interface BaseQualityRow {
  readonly baseWeights: BaseWeights;
  readonly perplexity: number;
  /** Against float32: 0.01 is one percent worse. */
  readonly change: number;
}

/** Perplexities of a text. */
export interface BaseQuality {
  readonly schema: typeof schema;
  /** Hash of the model's weights. */
  readonly model: string;
  readonly textSha256: string;
  /** Scored tokens. */
  readonly tokens: number;
  /** Tokens that a window holds: each is scored from its second on, without what came before. */
  readonly windowTokens: number;
  readonly rows: readonly BaseQualityRow[];
}

/** What is measured. */
export interface QualityRequest
  extends Abortable, Pick<DecoderOptions, "config" | "tensors" | "threads" | "weightStore"> {
  readonly sha256: string;
  readonly tokenizer: Tokenizer;
  readonly text: string;
  /** Most tokens of the text, from its beginning. Default 4,096. */
  readonly maxTokens?: number | undefined;
  /** Default 512, or the context where it is shorter. */
  readonly windowTokens?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/**
 * Measures the perplexity of a text under each way to keep the frozen weights.
 *
 * Maths:  exp of the mean negative log-likelihood of the tokens of windows that do not overlap.
 * Cost:   compiles and scores four times.
 * Errors: invalid_argument for a text of fewer than two tokens; cancelled on abort.
 */
export async function measureBaseQuality(request: QualityRequest): Promise<BaseQuality> {
  const { config, tokenizer, text, maxTokens = 4096, signal } = request;
  const windowTokens = Math.min(request.windowTokens ?? 512, config.maxPositions);
  const ids = tokenizer.encode(text).slice(0, maxTokens);
  if (ids.length < 2) {
    throw new QtuneError("invalid_argument", "expected a text of at least two tokens", {
      where: "text",
    });
  }
  const windows: Sequence[] = [];
  for (let start = 0; start < ids.length - 1; start += windowTokens) {
    const window = ids.slice(start, start + windowTokens);
    windows.push({ ids: window, labels: window });
  }
  const perplexities: number[] = [];
  let tokens = 0;
  for (const [at, baseWeights] of formats.entries()) {
    const program = await createScoringProgram({ ...request, baseWeights });
    let [loss, count] = [0, 0];
    try {
      for (const [done, window] of windows.entries()) {
        throwIfAborted(signal);
        if (window.ids.length < 2) continue;
        const scored = await program.run([window], { signal });
        loss += scored.loss;
        count += scored.count;
        request.onProgress?.({
          phase: "perplexity",
          done: at * windows.length + done + 1,
          total: formats.length * windows.length,
          unit: "windows",
          message: baseWeights,
        });
      }
    } finally {
      await program.close();
    }
    perplexities.push(Math.exp(loss / count));
    tokens = count;
  }
  const [exact = Number.NaN] = perplexities;
  return {
    schema,
    model: request.sha256,
    textSha256: createHash("sha256").update(text).digest("hex"),
    tokens,
    windowTokens,
    rows: formats.map((baseWeights, k) => {
      const perplexity = perplexities[k] ?? Number.NaN;
      return { baseWeights, perplexity, change: perplexity / exact - 1 };
    }),
  };
}

const fileOf = (sha256: string, cacheDir: string): string =>
  path.join(cacheDir, "quality", `${sha256}.json`);

/** Keeps a table in the cache, in place of an older one of the same model. */
export async function saveBaseQuality(
  quality: BaseQuality,
  cacheDir = defaultCacheDir(),
): Promise<void> {
  const file = fileOf(quality.model, cacheDir);
  await mkdir(path.dirname(file), { recursive: true });
  const part = `${file}.${process.pid}.part`;
  await writeFile(part, JSON.stringify(quality));
  await rename(part, file);
}

/** Returns the table of a model, or nothing where none was measured or the file is not one of ours. */
export async function findBaseQuality(
  sha256: string,
  cacheDir = defaultCacheDir(),
): Promise<BaseQuality | undefined> {
  const text = await readFile(fileOf(sha256, cacheDir), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    const quality = JSON.parse(text) as BaseQuality; // written by us, and checked by its schema
    return quality.schema === schema ? quality : undefined;
  } catch {
    return undefined; // a damaged cache is as good as none: it is measured again
  }
}
