/**
 * Exported models in the programs they are meant for. Needs QTUNE_SLOW=1, and either of
 * QTUNE_PEERS_PYTHON, a Python with transformers and torch (made with 5.18.0 and 2.15.0), and
 * QTUNE_PEERS_NODE, a folder with node-llama-cpp installed (made with 3.22.1).
 */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { findData, printSkipReason, wantsSlowTests } from "@qtune/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openModel } from "../sources/open-model.ts";
import { createRandom } from "@qtune/base";
import type { ModelConfig } from "../config/model-config.ts";
import { listWeights } from "../config/weight-names.ts";
import { createGenerator } from "../generation/generator.ts";
import { exportGguf, exportGgufLora, type LoraModule } from "./export-gguf.ts";
import { exportSafetensors } from "./export-safetensors.ts";

const run = promisify(execFile);
const python = process.env["QTUNE_PEERS_PYTHON"];
const nodeFolder = process.env["QTUNE_PEERS_NODE"];
const golden = findData("models/stories260K/golden.json");
const wants = wantsSlowTests() && golden !== undefined;
if (wants && python === undefined)
  printSkipReason("QTUNE_PEERS_PYTHON names no Python with transformers");
if (wants && nodeFolder === undefined)
  printSkipReason("QTUNE_PEERS_NODE names no folder with node-llama-cpp");

interface Item {
  readonly prompt: string;
  readonly ids: number[];
  readonly greedy_ids: number[];
}

/** What a peer answers: ids of the text and 64 greedy tokens after the prompt. */
interface Answer {
  readonly tokens: number[];
  readonly ids: number[];
}

const fromTransformers = `
import json, sys, torch, transformers
torch.set_num_threads(1)
folder, items = sys.argv[1], json.loads(sys.argv[2])
tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
answers = []
for item in items:
    ids = torch.tensor([item["ids"]])
    out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=64, do_sample=False, pad_token_id=0)
    answers.append({"tokens": tokenizer(item["prompt"])["input_ids"], "ids": out[0, ids.shape[1]:].tolist()})
print("ANSWER" + json.dumps(answers))
`;

const fromLlamaCpp = `
const [entry, file, text, lora] = process.argv.slice(2);
const { getLlama, LlamaLogLevel } = await import(entry);
const llama = await getLlama({ gpu: false, build: "never", maxThreads: 1, logLevel: LlamaLogLevel.error });
const model = await llama.loadModel({ modelPath: file });
const answers = [];
for (const item of JSON.parse(text)) {
  const context = await model.createContext({
    contextSize: 512,
    threads: 1,
    ...(lora === undefined ? {} : { lora: { adapters: [{ filePath: lora, scale: 1 }] } }),
  });
  const ids = [];
  for await (const id of context.getSequence().evaluate(item.ids, { temperature: 0 })) {
    ids.push(id);
    if (ids.length === 64) break;
  }
  answers.push({ tokens: [1, ...model.tokenize(item.prompt, true)], ids });
  await context.dispose();
}
console.log("ANSWER" + JSON.stringify(answers));
process.exit(0);
`;

describe.skipIf(!wants)("an exported stories260K", () => {
  let folder: string;
  // The body of a skipped group runs too.
  const { items } = JSON.parse(
    golden === undefined ? '{"items":[]}' : readFileSync(golden, "utf8"),
  ) as {
    items: Item[];
  };
  const asked = JSON.stringify(items.map(({ prompt, ids }) => ({ prompt, ids })));
  const expected = items.map(({ ids, greedy_ids }) => ({
    tokens: ids,
    ids: greedy_ids.slice(0, 64),
  }));
  const answersIn = (stdout: string): Answer[] =>
    JSON.parse(stdout.slice(stdout.indexOf("ANSWER") + "ANSWER".length)) as Answer[];

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "qtune-peers-"));
    const model = await openModel(path.dirname(golden ?? ""));
    await exportSafetensors(model, path.join(folder, "hf"));
    await exportGguf(model, path.join(folder, "model.gguf"), { type: "F32" });
    await model.close();
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  test.skipIf(python === undefined)(
    "tells the same stories in transformers",
    { timeout: 300_000 },
    async () => {
      const { stdout } = await run(python ?? "", [
        "-c",
        fromTransformers,
        path.join(folder, "hf"),
        asked,
      ]);
      expect(answersIn(stdout)).toEqual(expected);
    },
  );

  test.skipIf(nodeFolder === undefined)(
    "tells the same stories in llama.cpp",
    { timeout: 300_000 },
    async () => {
      expect(await askLlamaCpp(path.join(folder, "model.gguf"))).toEqual(expected);
    },
  );

  test.skipIf(nodeFolder === undefined)(
    "with a GGUF adapter tells in llama.cpp what the merged weights tell here",
    { timeout: 300_000 },
    async () => {
      const base = await openModel(path.dirname(golden ?? ""));
      const modules = randomLora(base.config);
      const alpha = 6;
      await exportGgufLora({ alpha, modules }, base.config, path.join(folder, "lora.gguf"));
      await exportSafetensors(base, path.join(folder, "merged"), {
        merge: (name, weight) =>
          addLora(
            weight,
            alpha,
            modules.find((one) => `${one.path}.weight` === name),
          ),
      });
      await base.close();
      const merged = await openModel(path.join(folder, "merged"));
      const generator = await createGenerator({
        config: merged.config,
        tensors: merged.tensors.tensors,
      });
      const ours = await generator.generate({
        promptIds: items.map(({ ids }) => ids),
        maxNewTokens: 64,
        stopIds: [],
      });
      await Promise.all([generator.close(), merged.close()]);
      const theirs = await askLlamaCpp(
        path.join(folder, "model.gguf"),
        path.join(folder, "lora.gguf"),
      );
      expect(theirs.map(({ ids }) => ids)).toEqual(ours.map(({ ids }) => ids));
      expect(theirs.map(({ ids }) => ids)).not.toEqual(expected.map(({ ids }) => ids));
    },
  );

  async function askLlamaCpp(model: string, lora?: string): Promise<Answer[]> {
    // A file, not -e: node-llama-cpp starts a process of its own with the same arguments.
    const script = path.join(folder, "peer.mjs");
    await writeFile(script, fromLlamaCpp);
    const entry = path.join(nodeFolder ?? "", "node_modules/node-llama-cpp/dist/index.js");
    const more = lora === undefined ? [] : [lora];
    const { stdout } = await run(process.execPath, [
      script,
      pathToFileURL(entry).href,
      model,
      asked,
      ...more,
    ]);
    return answersIn(stdout);
  }
});

/** A LoRA of rank 3 on q, k and down of every layer, strong enough to change the story. */
function randomLora(config: ModelConfig): LoraModule[] {
  const random = createRandom(11, "lora");
  const rank = 3;
  return listWeights(config)
    .filter(({ hf }) => /(q_proj|k_proj|down_proj)\.weight$/.test(hf))
    .map(({ hf, shape: [rows = 0, columns = 0] }) => {
      const own = random.fork(hf);
      const draw = (length: number): Float32Array =>
        Float32Array.from({ length }, () => own.nextNormal() * 0.1);
      return {
        path: hf.slice(0, -".weight".length),
        rank,
        a: draw(rank * columns),
        b: draw(rows * rank),
      };
    });
}

/** weight + (alpha / rank) · B A. Shapes: weight [rows, columns]. */
function addLora(
  weight: Float32Array,
  alpha: number,
  module: LoraModule | undefined,
): Float32Array {
  if (module === undefined) return weight;
  const { rank, a, b } = module;
  const columns = a.length / rank;
  return weight.map((value, i) => {
    const row = Math.floor(i / columns);
    let sum = 0;
    for (let k = 0; k < rank; k++)
      sum += (b[row * rank + k] ?? 0) * (a[k * columns + (i % columns)] ?? 0);
    return value + (alpha / rank) * sum;
  });
}
