import { createChip } from "@qtune/chip";
import { allPauliZ, circuitBuilder } from "@qtune/circuit";
import { createChipExecutor } from "@qtune/emulator";

const executor = createChipExecutor({ chip: createChip("ideal") });
const circuit = circuitBuilder(1).x(0).build();
const batch = {
  circuit,
  shared: new Float64Array(0),
  rows: new Float64Array(0),
  B: 1,
  observables: allPauliZ(1),
};
const { expectations, usage } = await executor.run(batch, { shots: 100, seed: 1n });
await executor.close();
if (expectations[0] !== -1 || usage.circuits !== 1) throw new Error("X on the ideal chip gives 1");
console.log("ok");
