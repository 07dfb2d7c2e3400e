/**
 * Times forward + backward of a complete decoder with adapters on q_proj and v_proj, random weights, and compares it with
 * torch + transformers + PEFT in the same run where a Python with these packages is named.
 *
 * node --conditions=@qtune/source bench/training-step.bench.ts [--shapes minimind2|smollm2|llama1b] [--batch 8x64] [--rank 8]
 *   [--labelled 0.3] [--base float32|float16|int8|int4] [--kernel widened|integer] [--adapter lora|host] [--steps 5] [--recompute nothing|attention|layers] [--profile DIR] [--peer PYTHON]
 *
 * Memory is the peak of the resident set over the steps, after loading (Linux). Logits are computed at labelled positions only, on both sides. CPU time is printed because it says more than wall time on a
 * machine that others use.
 */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { createRandom } from "@qtune/base";
import { openWeightStore } from "@qtune/graph";
import {
  createTrainingProgram,
  estimateDecoderMemory,
  type BaseWeights,
  type DecoderProgram,
  type QuantisedKernel,
  type Recompute,
  type Sequence,
} from "@qtune/llm";
import {
  benchConfig,
  benchHost,
  benchLora,
  benchTensors,
  freeCircuits,
  type ShapeName,
} from "./shapes.support.ts";

const { values: flags } = parseArgs({
  options: {
    shapes: { type: "string", default: "minimind2" },
    batch: { type: "string", default: "8x64" },
    rank: { type: "string", default: "8" },
    labelled: { type: "string", default: "0.3" },
    base: { type: "string", default: "float32" },
    kernel: { type: "string" },
    adapter: { type: "string", default: "lora" },
    steps: { type: "string", default: "5" },
    profile: { type: "string" },
    recompute: { type: "string", default: "nothing" },
    peer: { type: "string" },
    peers: { type: "boolean" },
  },
});
const config = benchConfig(flags.shapes as ShapeName);
const [B = 8, T = 64] = flags.batch.split("x").map(Number);
const rank = Number(flags.rank);
const random = createRandom(3);

function drawSequences(): Sequence[] {
  const first = Math.round(T * (1 - Number(flags.labelled)));
  return Array.from({ length: B }, () => {
    const ids = Array.from({ length: T }, () => random.nextBelow(config.vocab));
    return { ids, labels: ids.map((id, t) => (t < first ? -100 : id)) };
  });
}

/** Milliseconds of wall and CPU time of each step. */
async function timeSteps(program: DecoderProgram, sequences: readonly Sequence[]) {
  const wallMs: number[] = [];
  const cpuMs: number[] = [];
  for (let step = 0; step < Number(flags.steps); step++) {
    const begunMs = performance.now();
    const begun = process.cpuUsage();
    await program.run(sequences);
    await program.takeGradients();
    const used = process.cpuUsage(begun);
    wallMs.push(performance.now() - begunMs);
    cpuMs.push((used.user + used.system) / 1000);
  }
  return { wallMs: median(wallMs), cpuMs: median(cpuMs) };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

async function timeOurs() {
  const tensors = await benchTensors(flags.shapes as ShapeName, config);
  const sizes = new Map<string, number>();
  const program = await createTrainingProgram({
    config,
    tensors,
    onLinear: (flags.adapter === "host" ? benchHost : benchLora)(rank, sizes),
    hostOperations: freeCircuits,
    threads: 2,
    recompute: flags.recompute as Recompute,
    baseWeights: flags.base as BaseWeights,
    quantisedKernel: flags.kernel as QuantisedKernel | undefined,
    profile: flags.profile !== undefined,
    ...(flags.profile === undefined
      ? {}
      : { weightStore: await openWeightStore({ directory: flags.profile }) }),
  });
  console.log(
    `compiled in ${(program.report.compileMs / 1000).toFixed(1)} s, ${program.report.segments.length} segments`,
  );
  const drawn = [...sizes].map(([name, size]) => [
    name,
    Float32Array.from({ length: size }, () => 0.02 * random.nextNormal()),
  ]);
  program.bindParameters(Object.fromEntries(drawn) as Record<string, Float32Array>);
  const sequences = drawSequences();
  writeFileSync("/proc/self/clear_refs", "5"); // the peak starts anew
  const times = await timeSteps(program, sequences);
  await program.close();
  return times;
}

function print(
  label: string,
  { wallMs, cpuMs }: { readonly wallMs: number; readonly cpuMs: number },
): void {
  const rate = (ms: number): string => ((1000 * B * T) / ms).toFixed(0);
  console.log(
    `${label}: ${wallMs.toFixed(0)} ms, ${rate(wallMs)} tokens/s; CPU ${cpuMs.toFixed(0)} ms, ${rate(cpuMs / 2)} tokens/s on two free cores`,
  );
}

const ours = await timeOurs();
print(`qtune ${flags.shapes} ${flags.batch} ${flags.base} ${flags.adapter}`, ours);
const peak = readFileSync("/proc/self/status", "utf8").match(/VmHWM:\s*(\d+)/)?.[1];
const labelled = B * Math.round(T * Number(flags.labelled));
const { totalBytes } = estimateDecoderMemory({
  config,
  isTraining: true,
  recompute: flags.recompute as Recompute,
  tokens: B * T,
  longest: T,
  labelled,
  baseWeights: flags.base as BaseWeights,
});
console.log(
  `peak memory ${(Number(peak) / 1000).toFixed(0)} MB, predicted ${(totalBytes / 1e6).toFixed(0)} MB`,
);
if (flags.peer !== undefined) {
  const script = path.join(import.meta.dirname, "peer-training-step.py");
  const sizes = [
    config.layers,
    config.hidden,
    config.heads,
    config.kvHeads,
    config.headDim,
    config.ffn,
    config.vocab,
  ];
  const given = {
    sizes,
    B,
    T,
    rank,
    labelled: Number(flags.labelled),
    dtype: flags.base === "float32" ? "float32" : "bfloat16",
  };
  const { stdout, stderr } = spawnSync(flags.peer, [script, JSON.stringify(given)], {
    encoding: "utf8",
  });
  const peer = JSON.parse(
    stdout.trim().split("\n").at(-1) ?? `{"error":${JSON.stringify(stderr)}}`,
  ) as { wallMs: number; cpuMs: number; peakMb: number };
  print(`torch + PEFT ${given.dtype}`, peer);
  console.log(`peak memory ${peer.peakMb.toFixed(0)} MB`);
  console.log(
    `ratio by wall time ${(peer.wallMs / ours.wallMs).toFixed(2)}, by CPU time ${(peer.cpuMs / ours.cpuMs).toFixed(2)} (goal 1.20)`,
  );
}
