import { compile, createGraph, differentiate } from "@qtune/graph";

// d/dw Σ (x w)² on onnxruntime, for any number of rows.
const graph = createGraph();
const x = graph.input("x", "float", ["T", 2]);
const w = graph.parameter("w", [2, 1]);
const y = graph.matMul(x, w);
const loss = graph.reduceSum(graph.multiply(y, y));
const [dw] = differentiate(graph, loss, [w]);
const program = await compile(graph, { outputs: { loss, dw } });
program.bindParameters({ w: Float32Array.of(1, 2) });
const result = await program.run({ x: { data: Float32Array.of(1, 1, 0, 1), dims: [2, 2] } });
const gradients = await program.takeGradients();
await program.close();
// y = (3, 2): loss 13, dw = 2 xᵀ y = (6, 10).
if (result.loss.data[0] !== 13 || gradients.dw[1] !== 10)
  throw new Error(`loss ${result.loss.data[0]}, dw ${gradients.dw}`);
console.log("ok");
