import { allPauliZ, ringAnsatz } from "@qtune/circuit";
import { createLocalExecutor } from "@qtune/simulator";

const executor = createLocalExecutor({});
const circuit = ringAnsatz({ n: 2, layers: 1, ansatz: "ring" });
const batch = {
  circuit,
  shared: new Float64Array(8),
  rows: new Float64Array(2),
  B: 1,
  observables: allPauliZ(2),
};
const { expectations } = await executor.run(batch);
await executor.close();
if (Math.abs(expectations[0] - 1) > 1e-6) throw new Error(`expected 1 but got ${expectations[0]}`);
console.log("ok");
