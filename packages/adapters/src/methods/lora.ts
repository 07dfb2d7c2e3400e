/** LoRA (Hu et al., arXiv 2106.09685): y + s B A x with A [r, i] and B [o, r]; B starts at zero. */
import { scaleOf } from "../adapter-config.ts";
import { kaimingUniform, zero } from "../init.ts";
import type { AdapterMethod } from "./method.ts";

/** The LoRA method; with `rslora` s = α/√r (arXiv 2312.03732). */
export const lora: AdapterMethod = {
  tensors: ({ inFeatures, outFeatures }, { rank }) => [
    {
      name: "lora_A.weight",
      shape: [rank, inFeatures],
      role: "matrix",
      init: kaimingUniform(inFeatures, Math.sqrt(5)),
    },
    {
      name: "lora_B.weight",
      shape: [outFeatures, rank],
      role: "matrix",
      init: zero,
      outputSide: true,
    },
  ],
  build({ graph, config, x, y, tensor }) {
    const h = graph.linear(x, tensor("lora_A.weight")); // [T, r]
    const update = graph.linear(h, tensor("lora_B.weight")); // [T, o]
    return graph.add(y, graph.multiply(update, scaleOf(config)));
  },
  update: (_, config, value) => ({
    rank: config.rank,
    a: Float64Array.from(value("lora_A.weight")),
    b: Float64Array.from(value("lora_B.weight")),
    scale: scaleOf(config),
  }),
};
