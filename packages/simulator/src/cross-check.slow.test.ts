/**
 * What Qiskit Aer and Stim say of the same circuits. QTUNE_PEERS names the python of a virtual environment that has them
 * (bench/install-peers.sh makes one).
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { type Random, createRandom } from "@qtune/base";
import type { NoisyProgram, NoisyStep } from "@qtune/chip";
import { type Circuit, type Counts, type Operation, printQasm2 } from "@qtune/circuit";
import { expect, test } from "vitest";
import { exactDistribution, sampleCircuit, sampleNoisyProgram } from "./index.ts";
import { randomCircuit } from "./testing/random-circuit.ts";

const python = process.env["QTUNE_PEERS"];
const isOn = process.env["QTUNE_SLOW"] === "1" && python !== undefined;
const reason = "skipped: set QTUNE_SLOW=1 and QTUNE_PEERS to a python with qiskit-aer and stim";
if (!isOn) console.log(reason);

function ask<T>(question: unknown): T {
  const script = fileURLToPath(new URL("../bench/cross-check.py", import.meta.url));
  const answer = execFileSync(python ?? "python3", ["-W", "ignore", script], {
    input: JSON.stringify(question),
    maxBuffer: 2 ** 28,
  });
  return JSON.parse(answer.toString()) as T; // what the script above prints
}

test.runIf(isOn)(
  "Qiskit Aer has the same probabilities of random circuits over the gate table",
  async () => {
    const circuits = Array.from({ length: 60 }, (_, i) =>
      randomCircuit({
        n: 2 + (i % 5),
        gates: 40,
        random: createRandom("aer", i),
        controls: false,
        // Qiskit takes whole numbers only for the angle of the idle gate.
        filter: ({ name }) => name !== "U0",
      }),
    );
    const { aer } = ask<{ aer: number[][] }>({
      aer: circuits.map((circuit) => printQasm2(circuit)),
    });
    for (const [i, circuit] of circuits.entries()) {
      const own = await exactDistribution(circuit);
      aer[i]?.forEach((p, x) => {
        const text = x.toString(2).padStart(circuit.qubits, "0");
        expect(Math.abs(p - (own.get(text) ?? 0)), `circuit ${i}, ${text}`).toBeLessThan(1e-9);
      });
    }
  },
  120_000,
);

interface StimGate {
  readonly name: string;
  readonly stim: string;
  readonly re: readonly number[];
  readonly im: readonly number[];
}

const r = Math.SQRT1_2;
const zeros = new Array<number>(16).fill(0);
const gates: readonly StimGate[] = [
  { name: "H", stim: "H", re: [r, r, r, -r], im: [0, 0, 0, 0] },
  { name: "S", stim: "S", re: [1, 0, 0, 0], im: [0, 0, 0, 1] },
  { name: "SQRT_X", stim: "SQRT_X", re: [0.5, 0.5, 0.5, 0.5], im: [0.5, -0.5, -0.5, 0.5] },
  { name: "CX", stim: "CX", re: [1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0], im: zeros },
  { name: "CZ", stim: "CZ", re: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, -1], im: zeros },
];

/** A random Clifford circuit in three spellings; errors stand in the noisy two. */
function cliffordCircuit(n: number, count: number, isNoisy: boolean, random: Random) {
  const operations: Operation[] = [];
  const steps: NoisyStep[] = [];
  const lines: string[] = [];
  for (let i = 0; i < count; i++) {
    const gate = gates[random.nextBelow(gates.length)] ?? gates[0]!; // inside
    const a = random.nextBelow(n);
    const b = (a + 1 + random.nextBelow(n - 1)) % n;
    const qubits = gate.re.length === 4 ? [a] : [a, b];
    operations.push({ kind: "gate", gate: gate.name, qubits, angles: [] });
    steps.push({ kind: "unitary", qubits, re: gate.re, im: gate.im });
    lines.push(`${gate.stim} ${qubits.join(" ")}`);
    if (!isNoisy) continue;
    steps.push({ kind: "pauli", qubits: [a], probabilities: [0.994, 0.001, 0.002, 0.003] });
    lines.push(`PAULI_CHANNEL_1(0.001,0.002,0.003) ${a}`);
  }
  const all = Array.from({ length: n }, (_, qubit) => qubit);
  lines.push(`M ${all.join(" ")}`);
  const measures = all.map((qubit): Operation => ({ kind: "measure", qubit, clbit: qubit }));
  const circuit: Circuit = {
    qubits: n,
    clbits: n,
    parameters: [],
    operations: [...operations, ...measures],
  };
  const program: NoisyProgram = {
    qubits: n,
    physicalQubits: all,
    clbits: n,
    steps,
    detuningSigmaRadPerNs: all.map(() => 0),
    readout: {
      measured: all.map((qubit) => ({ qubit, clbit: qubit })),
      flips: all.map(() => ({ p10: 0, p01: 0 })),
      correlatedFlips: [],
    },
  };
  return { circuit, program, text: lines.join("\n") };
}

/** Mean of the product of some bits as ±1. */
function meanSign(counts: Counts, string: readonly number[], shots: number): number {
  let sum = 0;
  for (const [text, count] of counts) {
    const ones = string.filter((qubit) => text[text.length - 1 - qubit] === "1").length;
    sum += ones % 2 === 0 ? count : -count;
  }
  return sum / shots;
}

test.runIf(isOn).each([false, true])(
  "Stim has the same means, noise %s",
  async (isNoisy) => {
    const shots = 20_000;
    const sizes = [3, 8, 16, 24, 31, 40, 72];
    const made = sizes.map((n) => {
      const random = createRandom("stim", n, isNoisy ? 1 : 0);
      const one = cliffordCircuit(n, 3 * n, isNoisy, random);
      const strings = Array.from({ length: 40 }, (_, i) =>
        i < n
          ? [i]
          : Array.from({ length: n }, (__, q) => q).filter(() => random.nextUniform() < 3 / n),
      ).filter((string) => string.length > 0);
      return { ...one, n, strings };
    });
    const { stim } = ask<{ stim: number[][] }>({
      stim: made.map(({ text, strings }) => ({ text, shots: 200_000, strings })),
    });
    for (const [i, { n, circuit, program, strings }] of made.entries()) {
      const counts = isNoisy
        ? await sampleNoisyProgram(program, { shots, seed: 5n })
        : await sampleCircuit(circuit, { shots, seed: 5n, method: "stabilizer" });
      for (const [k, string] of strings.entries()) {
        const [own, theirs] = [meanSign(counts, string, shots), stim[i]![k]!]; // one answer each
        // Five standard deviations of the difference of two means of signs; certain ones agree exactly.
        const sigma = Math.sqrt((1 - Math.min(1, theirs ** 2) + 1e-4) * (1 / shots + 1 / 200_000));
        expect(Math.abs(own - theirs), `n = ${n}, Z on ${string.join(", ")}`).toBeLessThan(
          Math.abs(theirs) === 1 && !isNoisy ? 1e-12 : 5 * sigma,
        );
      }
    }
  },
  120_000,
);
