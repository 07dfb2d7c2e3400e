/**
 * Times a LoRA training step (q and v) on real shapes with random weights, and prints tokens per second.
 *
 * node --conditions=@qtune/source bench/training-step.ts minimind2 8x64 8 [profile]
 */
import { createRandom } from "@qtune/base";
import { openWeightStore, type HostHandler, type WeightSource } from "@qtune/graph";
import { createTrainingProgram, type ModelConfig, type OnLinear, type Sequence } from "@qtune/llm";

const shapes = {
  minimind2: { layers: 8, hidden: 512, heads: 8, kvHeads: 2, headDim: 64, ffn: 1408, vocab: 6400 },
  smollm2: { layers: 30, hidden: 576, heads: 9, kvHeads: 3, headDim: 64, ffn: 1536, vocab: 49152 },
  llama1b: {
    layers: 16,
    hidden: 2048,
    heads: 32,
    kvHeads: 8,
    headDim: 64,
    ffn: 8192,
    vocab: 128256,
  },
};

export function benchConfig(name: keyof typeof shapes): ModelConfig {
  return {
    ...shapes[name],
    architecture: "llama",
    maxPositions: 8192,
    rope: { theta: 1e5, scaling: { kind: "default" } },
    eps: 1e-5,
    tied: true,
    qkvBias: false,
    outputBias: false,
    mlpBias: false,
    qkNorm: false,
    slidingWindow: undefined,
    bosId: 1,
    eosIds: [2],
    padId: 0,
    storedDtype: "float32",
  };
}

/** Random weights that are made when read. */
export function benchTensors(config: ModelConfig): ReadonlyMap<string, WeightSource> {
  const tensors = new Map<string, WeightSource>();
  const add = (name: string, shape: readonly number[], center = 0): void => {
    const size = shape.reduce((product, dim) => product * dim, 1);
    const scale = center === 1 ? 0.1 : 1 / Math.sqrt(shape.at(-1) ?? 1);
    const readFloat32: WeightSource["readFloat32"] = async ({ elements } = {}) => {
      const random = createRandom(1, name, elements?.start ?? 0);
      let state = random.nextUint32();
      return Float32Array.from({ length: (elements?.end ?? size) - (elements?.start ?? 0) }, () => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return center + scale * (state / 2147483648 - 1) * 1.7;
      });
    };
    tensors.set(name, { shape, readFloat32 });
  };
  const { hidden, heads, kvHeads, headDim, ffn, vocab } = config;
  add("model.embed_tokens.weight", [vocab, hidden]);
  add("model.norm.weight", [hidden], 1);
  for (let layer = 0; layer < config.layers; layer++) {
    const p = `model.layers.${layer}`;
    add(`${p}.self_attn.q_proj.weight`, [heads * headDim, hidden]);
    add(`${p}.self_attn.k_proj.weight`, [kvHeads * headDim, hidden]);
    add(`${p}.self_attn.v_proj.weight`, [kvHeads * headDim, hidden]);
    add(`${p}.self_attn.o_proj.weight`, [hidden, heads * headDim]);
    add(`${p}.mlp.gate_proj.weight`, [ffn, hidden]);
    add(`${p}.mlp.up_proj.weight`, [ffn, hidden]);
    add(`${p}.mlp.down_proj.weight`, [hidden, ffn]);
    add(`${p}.input_layernorm.weight`, [hidden], 1);
    add(`${p}.post_attention_layernorm.weight`, [hidden], 1);
  }
  return tensors;
}

export function benchLora(rank: number, sizes: Map<string, number>): OnLinear {
  return ({ graph, module, path, x, y, inFeatures, outFeatures }) => {
    if (module !== "q_proj" && module !== "v_proj") return y;
    const a = graph.parameter(`${path}.lora_A.weight`, [rank, inFeatures]);
    const b = graph.parameter(`${path}.lora_B.weight`, [outFeatures, rank]);
    sizes.set(a.name, rank * inFeatures).set(b.name, rank * outFeatures);
    return graph.add(y, graph.multiply(graph.linear(graph.linear(x, a), b), 2));
  };
}

/** Adapters with a host operation between the two factors, computed at no cost: what the cuts alone cost. */
export function benchHost(rank: number, sizes: Map<string, number>): OnLinear {
  return ({ graph, module, path, x, y, inFeatures, outFeatures }) => {
    if (module !== "q_proj" && module !== "v_proj") return y;
    const a = graph.parameter(`${path}.lora_A.weight`, [rank, inFeatures]);
    const b = graph.parameter(`${path}.lora_B.weight`, [outFeatures, rank]);
    const theta = graph.parameter(`${path}.theta`, [4 * rank]);
    sizes
      .set(a.name, rank * inFeatures)
      .set(b.name, rank * outFeatures)
      .set(theta.name, 4 * rank);
    const h = graph.linear(x, a);
    const [q = h] = graph.hostOperation({ kind: "circuit", inputs: [h, theta], outputs: [h] });
    return graph.add(y, graph.multiply(graph.linear(graph.add(h, q), b), 2));
  };
}

const freeCircuits: Record<string, HostHandler> = {
  circuit: async (calls) => calls.map(({ inputs: [h] }) => (h === undefined ? [] : [h])),
  "circuit.vjp": async (calls) =>
    calls.map(({ inputs: [, theta, dq] }) =>
      theta === undefined || dq === undefined ? [] : [dq, theta],
    ),
};

const [name = "minimind2", batch = "8x64", rank = "8", labelShare = "1", ...flags] =
  process.argv.slice(2);
const config = benchConfig(name as keyof typeof shapes);
const [B = 8, T = 64] = batch.split("x").map(Number);
const sizes = new Map<string, number>();
const started = performance.now();
const program = await createTrainingProgram({
  config,
  tensors: benchTensors(config),
  onLinear: (flags.includes("host") ? benchHost : benchLora)(Number(rank), sizes),
  hostOperations: freeCircuits,
  threads: 2,
  baseWeights: flags.includes("int8") ? "int8" : flags.includes("int4") ? "int4" : "float32",
  profile: flags.includes("profile"),
  prepack: !flags.includes("noprepack"),
  ...(flags.includes("profile")
    ? { weightStore: await openWeightStore({ directory: "/tmp/qtune-graph-profile" }) }
    : {}),
});
console.log(
  "compile",
  Math.round(performance.now() - started),
  "ms, graph",
  Math.round(program.report.compileMs),
  "nodes",
  program.report.segments.map((s) => s.nodes).join(),
);
const random = createRandom(3);
program.bindParameters(
  Object.fromEntries(
    [...sizes].map(([n, size]) => [
      n,
      Float32Array.from({ length: size }, () => 0.02 * random.nextNormal()),
    ]),
  ),
);
const sequences: Sequence[] = Array.from({ length: B }, () => {
  const ids = Array.from({ length: T }, () => random.nextBelow(config.vocab));
  const first = Math.round(T * (1 - Number(labelShare)));
  return { ids, labels: ids.map((id, t) => (t < first ? -100 : id)) };
});
const times: number[] = [];
const cpus: number[] = [];
for (let i = 0; i < 7; i++) {
  const t0 = performance.now();
  const cpu = process.cpuUsage();
  const faults = process.resourceUsage().minorPageFault;
  await program.run(sequences);
  await program.takeGradients();
  times.push(performance.now() - t0);
  const used = process.cpuUsage(cpu);
  if (i === 6) {
    const count = process.resourceUsage().minorPageFault - faults;
    console.log("last step: page faults", count, "system ms", (used.system / 1000).toFixed(0));
  }
  cpus.push((used.user + used.system) / 1000);
}
times.sort((a, b) => a - b);
cpus.sort((a, b) => a - b);
const median = times[3] ?? 0;
console.log(
  "cpu ms median",
  cpus[3]?.toFixed(0),
  "-> quiet tokens/s",
  ((2000 * B * T) / (cpus[3] ?? 1)).toFixed(0),
);
console.log(
  name,
  batch,
  "median",
  median.toFixed(1),
  "ms",
  ((1000 * B * T) / median).toFixed(0),
  "tokens/s; best",
  ((1000 * B * T) / (times[0] ?? 1)).toFixed(0),
);
const { readFileSync } = await import("node:fs");
console.log(
  readFileSync("/proc/self/status", "utf8")
    .match(/VmHWM.*|VmRSS.*/g)
    ?.join(" "),
);
await program.close();
