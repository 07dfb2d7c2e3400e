/** Reads the tokenizer of a model from whichever file holds it. */
import { QtuneError } from "@qtune/base";
import type { TokenizerFiles } from "../sources/model-files.ts";
import { loadGgufTokenizer } from "./gguf-tokenizer.ts";
import { loadHfTokenizer } from "./hf-tokenizer.ts";
import { loadLlama2cTokenizer } from "./llama2c-tokenizer.ts";
import { loadSentencePiece } from "./sentencepiece-tokenizer.ts";
import type { Tokenizer } from "./tokenizer.ts";

/**
 * Loads the tokenizer of a model: `tokenizer.json`, else the vocabulary in a GGUF file, else SentencePiece
 * `tokenizer.model`, else llama2.c `tok*.bin`.
 *
 * Errors: not_found when there is none, and what the reader of the file says.
 *
 * @example
 * const tokenizer = await loadTokenizer(model.tokenizerFiles);
 * tokenizer.decode(tokenizer.encode("Once upon a time")); // "Once upon a time"
 */
export async function loadTokenizer(files: TokenizerFiles): Promise<Tokenizer> {
  if (files.tokenizerJson !== undefined) return loadHfTokenizer(files);
  if (files.gguf !== undefined) return loadGgufTokenizer(files.gguf);
  if (files.sentencePiece !== undefined) return loadSentencePiece(files.sentencePiece);
  if (files.llama2c !== undefined) return loadLlama2cTokenizer(files.llama2c);
  throw new QtuneError(
    "not_found",
    "expected tokenizer.json, tokenizer.model, a GGUF vocabulary or tok*.bin beside the weights",
    { where: "tokenizer" },
  );
}
