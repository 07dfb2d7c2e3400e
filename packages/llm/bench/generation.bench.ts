/**
 * Times batched greedy generation of MiniMind2-Small: 200 prompts of about 50 tokens, 30 new tokens each.
 *
 * QTUNE_DATA=… node --conditions=@qtune/source bench/generation.bench.ts [rows] [prompts] [new tokens]
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { createRandom } from "@qtune/base";
import { createGenerator, parseModelConfig } from "@qtune/llm";
import { openSafetensors } from "@qtune/weights";

const folder = path.join(
  process.env["QTUNE_DATA"] ?? "../../../shared/data",
  "models/minimind2-small",
);
const [batchRows = 64, prompts = 200, maxNewTokens = 30] = process.argv.slice(2).map(Number);
const config = parseModelConfig(
  JSON.parse(await readFile(path.join(folder, "config.json"), "utf8")),
);
const { tensors } = await openSafetensors(path.join(folder, "model.safetensors"));
const started = performance.now();
const generator = await createGenerator({ config, tensors, threads: 2 });
console.log("compile", Math.round(performance.now() - started), "ms");
const random = createRandom(5);
const promptIds = Array.from({ length: prompts }, () =>
  Array.from({ length: 40 + random.nextBelow(20) }, () => 3 + random.nextBelow(6000)),
);
const cpu = process.cpuUsage();
const begun = performance.now();
const results = await generator.generate({ promptIds, maxNewTokens, batchRows, stopIds: [] });
const seconds = (performance.now() - begun) / 1000;
const used = process.cpuUsage(cpu);
const tokens = results.reduce((sum, { ids }) => sum + ids.length, 0);
console.log(
  `${tokens} tokens in ${seconds.toFixed(2)} s (${(tokens / seconds).toFixed(0)} tokens/s), cpu ${((used.user + used.system) / 1e6).toFixed(2)} s`,
);
await generator.close();
