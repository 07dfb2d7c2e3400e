import * as circuitV1 from "./gen/index.qtune.circuit.v1.ts";
import * as deviceV1 from "./gen/index.qtune.device.v1.ts";
import * as googleProtobuf from "./gen/index.google.protobuf.ts";
import * as googleRpc from "./gen/index.google.rpc.ts";
import * as layerV1 from "./gen/index.qtune.layer.v1.ts";
import * as simulatorV1 from "./gen/index.qtune.simulator.v1.ts";
import * as trainingV1 from "./gen/index.qtune.training.v1.ts";

// For users: one name per contract package, the generated messages and service definitions inside.
export { circuitV1, deviceV1, googleProtobuf, googleRpc, layerV1, simulatorV1, trainingV1 };
export { contractVersion } from "./version.ts";

// For other packages.
export { fileDescriptorSetBase64 } from "./gen/descriptors.ts";
