// For users.
export {
  createQuantumLayer,
  type GradientMethod,
  type LayerCallOptions,
  type LayerForward,
  type QuantumLayer,
  type QuantumLayerOptions,
} from "./quantum-layer.ts";
export { type LayerGradient } from "./gradient/layer-batch.ts";
export {
  type Ansatz,
  type AnsatzKind,
  type AnsatzOptions,
  countAnsatzWeights,
  createAnsatz,
} from "./ansatz.ts";
export {
  circuitsPerToken,
  planQuantumWork,
  type QuantumBudget,
  type QuantumPlan,
  type QuantumWork,
} from "./plan.ts";

// For other packages.
export { sampleTokens, type TokenSample } from "./token-sample.ts";
export { addUsage, noUsage } from "./usage.ts";
export { type ShiftMeasurement } from "./gradient/parameter-shift.ts";
