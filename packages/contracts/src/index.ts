// For users: one name per contract package, the generated messages and service definitions inside.
export * as circuitV1 from "./gen/index.qtune.circuit.v1.ts";
export * as deviceV1 from "./gen/index.qtune.device.v1.ts";
export * as simulatorV1 from "./gen/index.qtune.simulator.v1.ts";
export * as layerV1 from "./gen/index.qtune.layer.v1.ts";
export * as trainingV1 from "./gen/index.qtune.training.v1.ts";
export * as googleRpc from "./gen/index.google.rpc.ts";
export * as googleProtobuf from "./gen/index.google.protobuf.ts";
export { contractVersion } from "./version.ts";

// For other packages.
export { fileDescriptorSetBase64 } from "./gen/descriptors.ts";
