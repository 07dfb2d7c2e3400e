import { createAdapter } from "@qtune/adapters";

const site = {
  layer: 0,
  module: "q_proj",
  path: "model.layers.0.self_attn.q_proj",
  inFeatures: 512,
  outFeatures: 512,
};
const adapter = createAdapter({ kind: "lora", rank: 8, targets: ["q_proj"] }, [site]);
const total = adapter.tensors.reduce(
  (sum, { shape }) => sum + shape.reduce((product, dim) => product * dim, 1),
  0,
);
if (total !== 8 * 1024) throw new Error(`r (i + o) parameters, not ${total}`);
console.log("ok");
