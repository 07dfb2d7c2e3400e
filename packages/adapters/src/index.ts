// For users.
export {
  type AdapterConfig,
  type AdapterKind,
  adapterKinds,
  type AdapterOptions,
  type Fusion,
  hasCircuit,
  type InitKind,
  isLinearKind,
  publishedTensorTrain,
  resolveAdapterConfig,
  type TensorTrainConfig,
} from "./adapter-config.ts";
export { type Adapter, type AdapterTensor, type AdapterValues, createAdapter } from "./adapter.ts";
export {
  compareWithLora,
  countParameters,
  matchedLoraRank,
  type ParameterCount,
} from "./accounting.ts";
export { type AdapterPreset, narrowTensorTrain, quickstartPresets } from "./presets.ts";
export {
  type AdapterProvenance,
  adapterSchema,
  type BaseModelIdentity,
  loadAdapter,
  type LoadedAdapter,
  saveAdapter,
} from "./files/adapter-files.ts";
export { mergeIntoWeight, toLora } from "./files/as-lora.ts";

// For other packages.
export { type AdapterCall, type AdapterSite } from "./site.ts";
export {
  type AdapterMethod,
  type BuildContext,
  type CircuitPlacement,
  type LowRankUpdate,
  type TensorRole,
  type TensorSpec,
} from "./methods/method.ts";
export { quantumLayerKind } from "./methods/qtha.ts";
export {
  createQuantumHandlers,
  type QuantumCall,
  type QuantumHandlerOptions,
  type QuantumSite,
} from "./quantum-handler.ts";
export { selectTargets } from "./select-targets.ts";
