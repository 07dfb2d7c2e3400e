/** What the browser test does, in the page and in Node. */
import { printIssue } from "@qtune/base";
import {
  circuitFormats,
  circuitStats,
  drawCircuit,
  expandCircuit,
  optimizeCircuit,
  printCircuit,
  readCircuit,
} from "../src/index.ts";

export const program = `OPENQASM 2.0;
include "qelib1.inc";
qreg q[3];
creg c[3];
gate kick(t) a,b { rz(t/2) a; cx a,b; u3(0.1,-t,2*t) b; }
h q[0];
cx q[0],q[1];
kick(3*pi/4) q[1],q[2];
h q[2]; h q[2];
barrier q;
measure q -> c;
if(c==5) x q[0];
`;

/** Everything that there is to say about a program, as plain data. */
export function answer(text: string): {
  readonly issues: readonly string[];
  readonly texts: readonly string[];
  readonly drawings: readonly string[];
  readonly operations: number;
} {
  const { circuit, issues } = readCircuit(text, { fileName: "page.qasm" });
  if (circuit === undefined)
    return { issues: issues.map(printIssue), texts: [], drawings: [], operations: 0 };
  return {
    issues: [],
    texts: circuitFormats.map((format) => printCircuit(circuit, format)),
    drawings: (["unicode", "ascii", "svg"] as const).map((format) =>
      drawCircuit(circuit, { format }),
    ),
    operations: circuitStats(optimizeCircuit(expandCircuit(circuit))).operations,
  };
}
