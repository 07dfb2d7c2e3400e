import { compile, createGraph, differentiate } from "@qtune/graph";

const graph = createGraph();
const x = graph.input("x", "float", ["T"]);
const loss = graph.reduceSum(graph.mul(x, x));
if (typeof compile !== "function" || typeof differentiate !== "function" || loss.shape.length !== 0)
  throw new Error("a sum of squares is a scalar");
console.log("ok");
