import type { AdapterOptions, TensorTrainConfig } from "./adapter-config.ts";

/** The tensor network of the quickstart: small enough to save parameters on models 512 wide. */
export const narrowTensorTrain: TensorTrainConfig = {
  bottleneck: [4, 4, 2, 2],
  ranks: [1, 4, 4, 4, 1],
};

/** One arm of a comparison: a name for people, an adapter and the learning rate it was tried with. */
export interface AdapterPreset {
  readonly name: string;
  readonly adapter: AdapterOptions;
  readonly learningRate: number;
}

/**
 * The four arms of the quickstart: the usual LoRA, LoRA with as many parameters as the quantum adapter, the quantum
 * adapter, and its classical twin. Learning rates of a probe of ours in torch: one seed,
 * not swept.
 */
export const quickstartPresets: readonly AdapterPreset[] = [
  { name: "LoRA r=8", adapter: { kind: "lora", rank: 8 }, learningRate: 2e-3 },
  { name: "LoRA r=2", adapter: { kind: "lora", rank: 2 }, learningRate: 5e-3 },
  {
    name: "ABC (quantum)",
    adapter: { kind: "ABC", rank: 4, qlayers: 1, mpo: narrowTensorTrain },
    learningRate: 5e-3,
  },
  {
    name: "AB (classical twin)",
    adapter: { kind: "AB", rank: 4, mpo: narrowTensorTrain },
    learningRate: 5e-3,
  },
];
