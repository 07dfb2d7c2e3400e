/**
 * Greedy generation of one text beside llama.cpp, the same GGUF file, the same threads, round by round in one process.
 *
 * node --conditions=@qtune/source bench/generation-peer.bench.ts MODEL.gguf FOLDER [new tokens] [rounds]
 *
 * FOLDER holds an installation of node-llama-cpp (npm install node-llama-cpp there); it is no dependency of ours.
 */
import path from "node:path";
import { pathToFileURL } from "node:url";
import { createGenerator, openModel, type BaseWeights } from "@qtune/llm";

const threads = 2;
const promptTokens = 48;
const [file = "", folder = "", countText = "64", roundsText = "3"] = process.argv.slice(2);
const [count, rounds] = [Number(countText), Number(roundsText)];
const promptIds = Array.from({ length: promptTokens }, (_, t) => 3 + ((t * 37) % 6000));

/** What the benchmark uses of node-llama-cpp. */
interface LlamaCpp {
  getLlama(options: object): Promise<{
    loadModel(options: object): Promise<{
      createContext(options: object): Promise<{
        getSequence(): { evaluate(ids: number[], options: object): AsyncIterable<number> };
        dispose(): Promise<void>;
      }>;
    }>;
  }>;
}

/** Tokens per second from the first new token to the last. */
type Run = () => Promise<number>;

async function openPeer(): Promise<Run> {
  const entry = path.resolve(folder, "node_modules/node-llama-cpp/dist/index.js");
  const peer = (await import(pathToFileURL(entry).href)) as LlamaCpp; // no types without installing it
  const llama = await peer.getLlama({ gpu: false, maxThreads: threads, build: "never" });
  const model = await llama.loadModel({ modelPath: file });
  return async () => {
    const context = await model.createContext({ contextSize: 512, threads });
    const clock = createClock();
    const options = { temperature: 0, yieldEogToken: true };
    for await (const _ of context.getSequence().evaluate(promptIds, options))
      if (clock.tick() === count) break;
    const speed = clock.speed();
    await context.dispose();
    return speed;
  };
}

async function openOurs(baseWeights: BaseWeights): Promise<Run> {
  const { config, tensors, weightStore } = await openModel(file);
  const generator = await createGenerator({
    config,
    tensors: tensors.tensors,
    weightStore,
    threads,
    baseWeights,
  });
  return async () => {
    const clock = createClock();
    const onToken = (): void => void clock.tick();
    await generator.generate({ promptIds: [promptIds], maxNewTokens: count, stopIds: [], onToken });
    return clock.speed();
  };
}

function createClock(): { tick(): number; speed(): number } {
  let ticks = 0;
  let first = 0;
  let last = 0;
  return {
    tick() {
      last = performance.now();
      if (ticks === 0) first = last;
      return ++ticks;
    },
    speed: () => (1000 * (ticks - 1)) / (last - first),
  };
}

const runs: Record<string, Run> = { "llama.cpp": await openPeer() };
for (const base of ["int4", "int8", "float32"] as const) runs[base] = await openOurs(base);
const speeds = new Map(Object.keys(runs).map((name) => [name, [] as number[]]));
for (let round = 0; round <= rounds; round++) {
  for (const [name, run] of Object.entries(runs)) {
    const speed = await run();
    if (round > 0) speeds.get(name)?.push(speed); // the first warms up
  }
}
const median = (values: number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const peer = median(speeds.get("llama.cpp") ?? []);
for (const [name, values] of speeds) {
  const own = median(values);
  const all = values.map((value) => value.toFixed(1)).join(" ");
  console.log(
    `${name.padEnd(10)} ${own.toFixed(1)} tokens/s (${all}), ${(own / peer).toFixed(2)} of llama.cpp`,
  );
}
process.exit(0); // llama.cpp keeps threads of its own
