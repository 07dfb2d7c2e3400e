// For users.
export { type RemoteExecutorOptions, createRemoteExecutor } from "./client/remote-executor.ts";
export {
  type DeviceClient,
  type Packing,
  type ResultOptions,
  type SubmitOptions,
  type WatchOptions,
  createDeviceClient,
  isFinalTaskState,
} from "./client/device-client.ts";
export { type SimulatorClient, createSimulatorClient } from "./client/simulator-client.ts";
export {
  type LayerBackward,
  type LayerClient,
  type RemoteLayer,
  createLayerClient,
} from "./client/layer-client.ts";
export {
  type SubmitRunOptions,
  type TrainerClient,
  type WatchRunOptions,
  collectFiles,
  createTrainerClient,
  isFinalRunState,
} from "./client/trainer-client.ts";
export {
  type CallOptions,
  type Channel,
  type ChannelOptions,
  type ClientTls,
  type RetryPolicy,
  createChannel,
} from "./client/channel.ts";
export {
  type MethodCall,
  type ServiceClient,
  createServiceClient,
} from "./client/service-client.ts";
export { type Target, parseTarget } from "./client/target.ts";

// For other packages: hosting a service.
export {
  type RpcServer,
  type RpcServerOptions,
  type ServerTls,
  createServer,
} from "./server/server.ts";
export {
  type CallContext,
  type HostedService,
  type ServiceHandlers,
  hostService,
} from "./server/handlers.ts";
export { type CallRecord } from "./server/adapt.ts";
export {
  type Principal,
  type Quotas,
  type TokenTable,
  anonymous,
  authenticate,
  parseTokenFile,
} from "./server/auth.ts";
export { type Scope, scopeOf, scopes } from "./server/scope-table.ts";

// For other packages: messages.
export {
  circuitFromWire,
  circuitToWire,
  observableFromWire,
  observableToWire,
} from "./convert/circuit.ts";
export {
  type CollectOptions,
  type ResultCollector,
  type TextParser,
  batchFromWire,
  batchToWire,
  createResultCollector,
  descriptionFromWire,
  descriptionToWire,
  estimateFromWire,
  estimateToWire,
  rowResultsToWire,
  runOptionsFromWire,
  runOptionsToWire,
  structureFromWire,
  usageFromWire,
  usageToWire,
} from "./convert/execution.ts";
export { type RealTensor, tensorFromWire, tensorToWire } from "./convert/tensor.ts";
export {
  type WireStatus,
  fromFailure,
  fromServiceError,
  toFailure,
  toWireStatus,
} from "./status.ts";
export { rowsPerChunk } from "./client/row-chunks.ts";
export { float64FromBytes, float64ToBytes } from "./bytes.ts";
export { defaultDeadlineMs, messageLimits } from "./limits.ts";
