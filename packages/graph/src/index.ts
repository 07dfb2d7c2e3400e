// For users.
export { compile } from "./compile.ts";
export { createGraph, type Graph } from "./graph.ts";
export { differentiate } from "./differentiate.ts";
export { openWeightStore, type WeightStore, type WeightStoreOptions } from "./weight-store.ts";
export { interpret, type InterpretOptions } from "./interpret.ts";
export {
  type CompileOptions,
  type HostCall,
  type HostHandler,
  type Program,
  type ProgramReport,
  type RunProgramOptions,
} from "./api.ts";
export {
  type ProbedProvider,
  probeProviders,
  type RuntimeProvider,
  runtimeProviders,
} from "./providers.ts";
export { hasIntegerDotProduct } from "./integer-kernels.ts";
export { type Dim, type Shape } from "./dim.ts";
export { type QuantisedFormat } from "./quantise.ts";
export { type HostOperationOptions, type MatMulOptions, type Operations } from "./operations.ts";
export {
  type DType,
  type Stage,
  type Tensor,
  type TensorType,
  type Value,
  type ValueData,
  type WeightSource,
} from "./tensor.ts";
