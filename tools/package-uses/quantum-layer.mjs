import { countAnsatzWeights, createAnsatz } from "@qtune/quantum-layer";

const ansatz = createAnsatz({ n: 4, layers: 1 });
if (ansatz.weightCount !== 16 || countAnsatzWeights({ n: 8, layers: 8 }) !== 256)
  throw new Error("4 n L weights");
console.log("ok");
