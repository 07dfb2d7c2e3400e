import { type Angle, parameterAngle } from "../angle.ts";
import type { Circuit, Operation, Parameter } from "../circuit.ts";
import { QtuneError } from "@qtune/base";

/** What {@link ringAnsatz} builds. */
export interface RingAnsatzOptions {
  /** Qubits, at least 2. */
  readonly n: number;
  /** Layers L, at least 1. */
  readonly layers: number;
  /** `ring` couples qubit n − 1 with qubit 0, `path` leaves that edge out. Default `ring`. */
  readonly ansatz?: "ring" | "path";
}

/**
 * Creates the quantum layer of the adapters: data in, n expectation values of Z out.
 *
 * Maths (`docs/circuit.md`, section "Ring ansatz"): for each layer k
 *   RY(x_i) on i; CRZ(a_ki) i → i+1; RY(b_ki) on i; CRZ(c_ki) i → i−1; RY(d_ki) on i, indices modulo n.
 * Shapes: row parameters `x[0]` … `x[n−1]`; shared parameters `w[0]` … `w[P−1]` in the order layer, group (a b c d),
 *         qubit. Ring: P = 4nL and a weight stands at (4k + g)·n + i. Path: the CRZ from n−1 to 0 (group a, i = n−1)
 *         and from 0 to n−1 (group c, i = 0) do not exist, nor do their weights; the others keep their order and
 *         close ranks, so P = (4n − 2)·L.
 * Errors: out_of_range for n < 2 or fewer than one layer.
 */
export function ringAnsatz(options: RingAnsatzOptions): Circuit {
  const { n, layers, ansatz = "ring" } = options;
  if (!Number.isInteger(n) || n < 2)
    throw new QtuneError("out_of_range", `expected at least 2 qubits but was given ${n}`, {
      where: "ringAnsatz.n",
    });
  if (!Number.isInteger(layers) || layers < 1)
    throw new QtuneError("out_of_range", `expected at least 1 layer but was given ${layers}`, {
      where: "ringAnsatz.layers",
    });
  const operations: Operation[] = [];
  let weights = 0;
  const nextWeight = (): Angle => parameterAngle(`w[${weights++}]`);
  const ry = (qubit: number, angle: Angle): void =>
    void operations.push({ kind: "gate", gate: "RY", qubits: [qubit], angles: [angle] });
  const crz = (control: number, step: 1 | -1): void => {
    const closing = step === 1 ? control === n - 1 : control === 0;
    if (closing && ansatz === "path") return;
    operations.push({
      kind: "gate",
      gate: "CRZ",
      qubits: [control, (control + step + n) % n],
      angles: [nextWeight()],
    });
  };
  for (let k = 0; k < layers; k++) {
    for (let i = 0; i < n; i++) ry(i, parameterAngle(`x[${i}]`));
    for (let i = 0; i < n; i++) crz(i, 1);
    for (let i = 0; i < n; i++) ry(i, nextWeight());
    for (let i = 0; i < n; i++) crz(i, -1);
    for (let i = 0; i < n; i++) ry(i, nextWeight());
  }
  const rows = Array.from({ length: n }, (_, i): Parameter => ({ name: `x[${i}]`, role: "row" }));
  const shared = Array.from({ length: weights }, (_, i): Parameter => ({
    name: `w[${i}]`,
    role: "shared",
  }));
  return {
    name: `${ansatz}-n${n}-L${layers}`,
    qubits: n,
    clbits: 0,
    parameters: [...rows, ...shared],
    operations,
  };
}

/** Returns the number of weights of a {@link ringAnsatz}: 4nL for a ring, (4n − 2)·L for a path. */
export function ringWeightCount(options: RingAnsatzOptions): number {
  const { n, layers, ansatz = "ring" } = options;
  return (ansatz === "ring" ? 4 * n : 4 * n - 2) * layers;
}
