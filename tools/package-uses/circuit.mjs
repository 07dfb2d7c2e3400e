import { circuitBuilder, parseQasm2, printQasm2 } from "@qtune/circuit";

const bell = circuitBuilder(2).h(0).cx(0, 1).measureAll().build();
const again = parseQasm2(printQasm2(bell));
if (again.operations.length !== bell.operations.length)
  throw new Error("reading what was printed gives another circuit");
console.log("ok");
