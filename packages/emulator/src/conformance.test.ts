import { createChip } from "@qtune/chip";
import { describeExecutor } from "@qtune/circuit/conformance";
import { createChipExecutor } from "./chip-executor.ts";

describeExecutor("on an ideal chip", {
  create: async () => createChipExecutor({ chip: createChip("grid-4x4-ideal") }),
  shots: 2000,
});

// Two qubits of the synthetic snapshot: readout takes up to a third of the contrast.
describeExecutor("on a noisy chip", {
  create: async () => createChipExecutor({ chip: createChip("wukong-72") }),
  shots: 2000,
  systematic: 0.6,
});

describeExecutor("on a noisy chip with readout mitigation", {
  create: async () => createChipExecutor({ chip: createChip("wukong-72"), report: "mitigated" }),
  shots: 2000,
  systematic: 0.25,
});
