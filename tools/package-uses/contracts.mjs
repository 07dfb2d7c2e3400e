import { circuitV1, trainingV1 } from "@qtune/contracts";

const bytes = circuitV1.ExecutionUsage.encode(
  circuitV1.ExecutionUsage.fromPartial({ circuits: 3 }),
).finish();
if (circuitV1.ExecutionUsage.decode(bytes).circuits !== 3)
  throw new Error("a message should survive its own encoding");
if (
  trainingV1.TrainerServiceService.createRun.path !== "/qtune.training.v1.TrainerService/CreateRun"
)
  throw new Error("the service has another name");
console.log("ok");
