import { createChip, newestSnapshot } from "@qtune/chip";

const chip = createChip("wukong-72", { seed: 7 });
if (chip.topology.qubits !== 72 || newestSnapshot(chip).kind !== "synthetic")
  throw new Error("not the chip that was asked for");
console.log("ok");
