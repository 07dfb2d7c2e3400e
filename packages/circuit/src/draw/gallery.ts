/** The circuits whose drawings are golden files: each shows something that drawings have to get right. */
import { parameterAngle } from "../angle.ts";
import { ghz, hardwareEfficientAnsatz, qaoaAnsatz, qft } from "../ansatz/library.ts";
import { ringAnsatz } from "../ansatz/ring.ts";
import { circuitBuilder } from "../builder.ts";
import type { Circuit } from "../circuit.ts";
import { matrixFrom } from "../matrix.ts";
import { parseQasm2 } from "../qasm2/parse.ts";

const teleport = circuitBuilder(3, { name: "teleportation" })
  .u3(0.3, 0.2, 0.1, 0)
  .barrier()
  .h(1)
  .cx(1, 2)
  .cx(0, 1)
  .h(0)
  .measure(0, 0)
  .measure(1, 1)
  .if(0, (one) => one.z(2))
  .if(1, (one) => one.x(2))
  .build();

const steane = parseQasm2(`OPENQASM 2.0; include "qelib1.inc";
gate syndrome d1,d2,d3,a1,a2 { cx d1,a1; cx d2,a1; cx d2,a2; cx d3,a2; }
qreg q[3]; qreg a[2]; creg c[3]; creg syn[2];
x q[0]; barrier q; syndrome q[0],q[1],q[2],a[0],a[1]; measure a -> syn;
if(syn==1) x q[0]; if(syn==2) x q[2]; if(syn==3) x q[1]; measure q -> c;`);

/** Name and circuit, in the order of the files. */
export const gallery: readonly (readonly [string, Circuit])[] = [
  ["bell", circuitBuilder(2).h(0).cx(0, 1).measureAll().build()],
  ["ghz-5", ghz({ n: 5 })],
  ["qft-4", qft({ n: 4 })],
  ["teleportation", teleport],
  ["repetition-code", steane],
  ["ring-ansatz", ringAnsatz({ n: 4, layers: 1 })],
  ["hardware-efficient", hardwareEfficientAnsatz({ n: 3, layers: 2, entanglement: "circular" })],
  [
    "qaoa",
    qaoaAnsatz(
      {
        n: 3,
        couplings: [
          [0, 1, 1],
          [1, 2, 1],
          [0, 2, 0.5],
        ],
        fields: [0.5, 0, 0],
      },
      { layers: 1 },
    ),
  ],
  [
    "controls",
    circuitBuilder(5)
      .ccx(0, 2, 4)
      .control([{ qubit: 0, value: 0 }, 3], (one) => one.h(1))
      .cz(1, 3)
      .ccz(0, 1, 2)
      .cswap(4, 0, 2)
      .cp(Math.PI / 8, 3, 1)
      .control([0, 1, 2, 3], (one) => one.x(4))
      .build(),
  ],
  [
    "two-qubit-boxes",
    circuitBuilder(4)
      .iswap(0, 1)
      .rzz(0.25, 0, 3)
      .rzx(Math.PI / 3, 3, 1)
      .ecr(2, 0)
      .ms(1, 2)
      .iswaptheta(0.5, 2, 3)
      .build(),
  ],
  [
    "one-qubit-gates",
    circuitBuilder(2)
      .i(0)
      .x(0)
      .y(0)
      .z(0)
      .s(0)
      .sdg(0)
      .t(0)
      .tdg(0)
      .sqrt_x(1)
      .sqrt_xdg(1)
      .x1(1)
      .y1(1)
      .z1(1)
      .echo(1)
      .build(),
  ],
  [
    "rotations",
    circuitBuilder(2)
      .rx(Math.PI, 0)
      .ry(-Math.PI / 2, 0)
      .rz(0.123456, 0)
      .p((3 * Math.PI) / 4, 1)
      .u2(0, Math.PI, 1)
      .u4(0.1, 0.2, 0.3, 0.4, 1)
      .rphi(1.5, -0.5, 0)
      .build(),
  ],
  [
    "parameters",
    circuitBuilder(2)
      .rx(
        {
          constant: Math.PI / 2,
          terms: [
            { parameter: "theta", coefficient: 2 },
            { parameter: "x[0]", coefficient: -0.5 },
          ],
        },
        0,
      )
      .crz(parameterAngle("phi"), 0, 1)
      .phase(parameterAngle("g"))
      .build(),
  ],
  [
    "powers",
    circuitBuilder(3)
      .gate("H", [0], [], { power: -1 })
      .gate("X", [1], [], { power: 0.25 })
      .gate("RX", [2], [0.5], { controls: [{ qubit: 0, value: 1 }], power: -1 })
      .gate("SWAP", [1, 2], [], { power: 0.5 })
      .build(),
  ],
  [
    "unitary",
    circuitBuilder(4)
      .unitary(matrixFrom([1, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1]), [3, 1], "oracle")
      .control([0], (one) => one.unitary(matrixFrom([0, 1, 1, 0]), [2]))
      .build(),
  ],
  [
    "reset-delay-barrier",
    circuitBuilder(3)
      .h(0)
      .reset(1)
      .delay(30, 0)
      .delay(100, 1, 2)
      .barrier(0, 2)
      .x(2)
      .barrier()
      .reset(0)
      .build(),
  ],
  [
    "branches",
    circuitBuilder(3, { clbits: 2 })
      .h(0)
      .measure(0, 0)
      .if(
        { kind: "equals", clbits: [0, 1], value: 2n },
        (one) => one.x(1).cx(1, 2),
        (one) => one.z(2),
      )
      .build(),
  ],
  [
    "loop-and-switch",
    circuitBuilder(2, { clbits: 2 })
      .while(0, 8, (one) => one.h(0).measure(0, 0))
      .append(
        {
          kind: "switch",
          clbits: [0, 1],
          cases: [
            { values: [1n, 2n], body: [{ kind: "gate", gate: "X", qubits: [1], angles: [] }] },
          ],
          default: [{ kind: "gate", gate: "Y", qubits: [0], angles: [] }],
        },
        { kind: "assign", clbits: [1], value: [{ clbit: 0, inverted: true }] },
      )
      .build(),
  ],
  [
    "folded",
    circuitBuilder(3)
      .compose(qft({ n: 3 }))
      .compose(qft({ n: 3, inverse: true }))
      .compose(qft({ n: 3 }))
      .compose(qft({ n: 3, inverse: true }))
      .measureAll()
      .build(),
  ],
  [
    "wires-only",
    { qubits: 2, clbits: 1, parameters: [], operations: [], globalPhase: Math.PI / 4 },
  ],
];
