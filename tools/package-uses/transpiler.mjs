import { createChip } from "@qtune/chip";
import { circuitBuilder } from "@qtune/circuit";
import { compileCircuit } from "@qtune/transpiler";

const compiled = compileCircuit(circuitBuilder(2).h(0).cx(0, 1).measureAll().build(), {
  chip: createChip("wukong-72"),
});
if (!(compiled.durationNs > 0)) throw new Error("a compiled circuit takes time");
console.log("ok", compiled.durationNs, "ns");
