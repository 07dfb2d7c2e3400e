/** Linear modules of known models, for the tests of parameter counts. */
import type { AdapterSite } from "./site.ts";

/** Widths of a decoder: layers, hidden, query width, key/value width, MLP width. */
export interface DecoderWidths {
  readonly layers: number;
  readonly hidden: number;
  readonly query: number;
  readonly keyValue: number;
  readonly ffn: number;
}

export const widths = {
  "minimind2-small": { layers: 8, hidden: 512, query: 512, keyValue: 128, ffn: 1408 },
  "smollm2-135m": { layers: 30, hidden: 576, query: 576, keyValue: 192, ffn: 1536 },
  "tinyllama-1.1b": { layers: 22, hidden: 2048, query: 2048, keyValue: 256, ffn: 5632 },
  "qwen3-0.6b": { layers: 28, hidden: 1024, query: 2048, keyValue: 1024, ffn: 3072 },
  "qwen3-1.7b": { layers: 28, hidden: 2048, query: 2048, keyValue: 1024, ffn: 6144 },
  "qwen3-4b": { layers: 36, hidden: 2560, query: 4096, keyValue: 1024, ffn: 9728 },
  "qwen3-8b": { layers: 36, hidden: 4096, query: 4096, keyValue: 1024, ffn: 12288 },
  "qwen2-7b": { layers: 28, hidden: 3584, query: 3584, keyValue: 512, ffn: 18944 },
} as const satisfies Record<string, DecoderWidths>;

/** Returns all linear modules of a decoder. */
export function decoderSites({
  layers,
  hidden,
  query,
  keyValue,
  ffn,
}: DecoderWidths): readonly AdapterSite[] {
  const modules = [
    ["self_attn.q_proj", hidden, query],
    ["self_attn.k_proj", hidden, keyValue],
    ["self_attn.v_proj", hidden, keyValue],
    ["self_attn.o_proj", query, hidden],
    ["mlp.gate_proj", hidden, ffn],
    ["mlp.up_proj", hidden, ffn],
    ["mlp.down_proj", ffn, hidden],
  ] as const;
  return Array.from({ length: layers }, (_, layer) =>
    modules.map(([name, inFeatures, outFeatures]) => ({
      layer,
      module: name.split(".")[1] ?? name,
      path: `model.layers.${layer}.${name}`,
      inFeatures,
      outFeatures,
    })),
  ).flat();
}
