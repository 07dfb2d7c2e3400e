/** Finds out what lies in a model folder: which weights, which configuration, which tokenizer. */
import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import { QtuneError } from "@qtune/base";
import { listShards } from "@qtune/weights";

/** Weights of a model and their format. */
export interface WeightFiles {
  readonly format: "safetensors" | "gguf" | "onnx";
  /** The file to open; for shards their index. */
  readonly path: string;
  /** Every file that holds weights, in a fixed order. */
  readonly all: readonly string[];
}

/** The files a tokenizer is read from; loadTokenizer takes the first kind that is there, in this order. */
export interface TokenizerFiles {
  readonly tokenizerJson?: string;
  readonly tokenizerConfig?: string;
  readonly specialTokensMap?: string;
  /** `chat_template.jinja`; it wins over the template inside tokenizer_config.json. */
  readonly chatTemplate?: string;
  /** SentencePiece `tokenizer.model`. */
  readonly sentencePiece?: string;
  /** A GGUF file with a vocabulary inside. */
  readonly gguf?: string;
  /** `tok*.bin` or `tokenizer.bin` of llama2.c. */
  readonly llama2c?: string;
}

/** Everything found for a model. */
export interface ModelFiles {
  readonly weights: WeightFiles;
  readonly config: string | undefined;
  readonly generationConfig: string | undefined;
  readonly licence: string | undefined;
  readonly tokenizer: TokenizerFiles;
}

/**
 * Looks through a model folder, or takes a weight file with what lies beside it.
 *
 * Errors: not_found for a path that is not there or a folder without weights (lists what it holds), invalid_argument
 *         when several weight files could be meant.
 */
export async function findModelFiles(modelPath: string): Promise<ModelFiles> {
  const status = await stat(modelPath).catch((cause: unknown) => {
    throw new QtuneError("not_found", "there is no such file or folder", {
      where: modelPath,
      cause,
    });
  });
  const folder = status.isDirectory() ? modelPath : path.dirname(modelPath);
  const names = await listNames(folder);
  const weights = status.isDirectory()
    ? await findWeights(folder, names)
    : await describeFile(modelPath);
  const at = (name: string): string | undefined =>
    names.includes(name) ? path.join(folder, name) : undefined;
  const licence = names.find((name) => /^(LICENSE|LICENCE|COPYING)(\.\w+)?$/i.test(name));
  return {
    weights,
    config: at("config.json"),
    generationConfig: at("generation_config.json"),
    licence: licence === undefined ? undefined : path.join(folder, licence),
    tokenizer: findTokenizer(weights, names, at),
  };
}

/** Names in the folder and, one level down, in `onnx/`, where exporters put their files. */
async function listNames(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  const inner = names.includes("onnx")
    ? await readdir(path.join(folder, "onnx")).catch(() => [])
    : [];
  return [...names, ...inner.map((name) => `onnx/${name}`)].sort();
}

async function findWeights(folder: string, names: readonly string[]): Promise<WeightFiles> {
  const at = (name: string): string => path.join(folder, name);
  if (names.includes("model.safetensors")) return describeFile(at("model.safetensors"));
  if (names.includes("model.safetensors.index.json")) {
    return describeFile(at("model.safetensors.index.json"));
  }
  const isWeights = (extension: string) => (name: string) =>
    name.endsWith(`.${extension}`) && !name.startsWith("adapter");
  for (const extension of ["safetensors", "gguf", "onnx"]) {
    const found = names.filter(isWeights(extension));
    const [first, ...others] = found;
    if (first === undefined) continue;
    if (others.length === 0) return describeFile(at(first));
    throw new QtuneError(
      "invalid_argument",
      `expected one weight file but there are ${found.join(", ")}; add the name of one to the path`,
      { where: folder },
    );
  }
  const held = names.slice(0, 12).join(", ");
  throw new QtuneError(
    "not_found",
    `expected *.safetensors, *.gguf or *.onnx in this folder; it holds ${held || "nothing"}`,
    { where: folder },
  );
}

async function describeFile(filePath: string): Promise<WeightFiles> {
  const extension = path.extname(filePath).slice(1);
  if (filePath.endsWith(".safetensors.index.json")) {
    return { format: "safetensors", path: filePath, all: await listShards(filePath) };
  }
  if (extension === "safetensors" || extension === "gguf" || extension === "onnx") {
    return { format: extension, path: filePath, all: [filePath] };
  }
  throw new QtuneError(
    "invalid_argument",
    "expected a folder, or a file that ends in .safetensors, .gguf or .onnx",
    { where: filePath },
  );
}

function findTokenizer(
  weights: WeightFiles,
  names: readonly string[],
  at: (name: string) => string | undefined,
): TokenizerFiles {
  const llama2c = names.find((name) => /^(tok\d+|tokenizer)\.bin$/.test(name));
  const found: Record<keyof TokenizerFiles, string | undefined> = {
    tokenizerJson: at("tokenizer.json"),
    tokenizerConfig: at("tokenizer_config.json"),
    specialTokensMap: at("special_tokens_map.json"),
    chatTemplate: at("chat_template.jinja"),
    sentencePiece: at("tokenizer.model"),
    gguf: weights.format === "gguf" ? weights.path : undefined,
    llama2c: llama2c === undefined ? undefined : at(llama2c),
  };
  return Object.fromEntries(
    Object.entries(found).filter(([, file]) => file !== undefined),
  ) as TokenizerFiles;
}
