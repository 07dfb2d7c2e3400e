/**
 * Makes packages/llm/testdata/tokenizers/*-gguf.json: token ids that llama.cpp gives for vocabularies inside GGUF files.
 *
 *     mkdir PEERS && cd PEERS && npm i node-llama-cpp@3.22.1 @node-llama-cpp/linux-x64@3.22.1 --omit=optional --ignore-scripts
 *     cp REPOSITORY/tools/golden/gguf_tokenizer_golden.mjs . && node gguf_tokenizer_golden.mjs TEXTS.json NAME=MODEL.gguf... OUT
 *
 * TEXTS.json: packages/llm/testdata/tokenizers/minimind2.json, whose texts are used. Only ids are kept.
 */
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { getLlama, LlamaLogLevel } from "node-llama-cpp";

const [textsFile, ...rest] = process.argv.slice(2);
const out = rest.pop();
const texts = JSON.parse(readFileSync(textsFile, "utf8")).texts.map(({ text }) => text);
texts.push("a</s>b <|im_end|> c", "<|user|>\nHi there</s>\n<|assistant|>\nHello!</s>\n");
const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.error });
const { version } = JSON.parse(readFileSync("node_modules/node-llama-cpp/package.json", "utf8"));
const made = {
  script: "tools/golden/gguf_tokenizer_golden.mjs",
  versions: { "node-llama-cpp": version, "llama.cpp": llama.llamaCppRelease.release },
};
for (const pair of rest) {
  const [name, modelPath] = pair.split("=");
  const model = await llama.loadModel({ modelPath, vocabOnly: true });
  const cases = texts.map((text) => ({ text, ids: model.tokenize(text, true) }));
  const ascii = (text) =>
    text.replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
  writeFileSync(
    path.join(out, `${name}.json`),
    `${ascii(JSON.stringify({ made, texts: cases }))}\n`,
  );
  await model.dispose();
}
await llama.dispose();
