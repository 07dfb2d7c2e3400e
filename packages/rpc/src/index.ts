// For users.
export {
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
  parseTokenFile,
} from "./server/auth.ts";
export { type Scope, scopeOf, scopes } from "./server/scope-table.ts";
export { type CallOptions } from "./client/channel.ts";

// For other packages: messages.
export {
  circuitFromWire,
  circuitToWire,
  observableFromWire,
  observableToWire,
} from "./convert/circuit.ts";
export {
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
export {
  type WireStatus,
  fromFailure,
  fromServiceError,
  toFailure,
  toWireStatus,
} from "./status.ts";
export { float64FromBytes, float64ToBytes } from "./bytes.ts";
export { defaultDeadlineMs, messageLimits } from "./limits.ts";
