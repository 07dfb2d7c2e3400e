import type { Angle, Circuit, Condition, Control, Operation } from "@qtune/circuit";
import { circuitV1 } from "@qtune/contracts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { circuitFromWire, circuitToWire, observableFromWire, observableToWire } from "./circuit.ts";

// Minus zero is the default of the wire format and comes back as zero.
const real = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const nonZero = real.filter((value) => value !== 0);
const index = fc.nat({ max: 70 });
const indices = fc.array(index, { minLength: 1, maxLength: 3 });
const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,6}$/);
const natural = fc.bigInt({ min: 0n, max: 1n << 80n });

const angle: fc.Arbitrary<Angle> = fc.oneof(
  real,
  fc.record({
    constant: real,
    terms: fc
      .uniqueArray(fc.record({ parameter: name, coefficient: nonZero }), {
        selector: (term) => term.parameter,
        minLength: 1,
        maxLength: 3,
      })
      .map((terms) => terms.toSorted((a, b) => (a.parameter < b.parameter ? -1 : 1))),
  }),
);

const controls: fc.Arbitrary<readonly Control[]> = fc.array(
  fc.record({ qubit: index, value: fc.constantFrom(0 as const, 1 as const) }),
  { minLength: 1, maxLength: 2 },
);

const condition: fc.Arbitrary<Condition> = fc.letrec<{ condition: Condition }>((tie) => ({
  condition: fc.oneof(
    { depthSize: "small", maxDepth: 3 },
    fc.record({
      kind: fc.constantFrom("equals" as const, "less" as const, "greater" as const),
      clbits: indices,
      value: natural,
    }),
    fc.record({ kind: fc.constant("not" as const), of: tie("condition") }),
    fc.record({
      kind: fc.constantFrom("and" as const, "or" as const, "xor" as const),
      of: fc.array(tie("condition"), { minLength: 1, maxLength: 2 }),
    }),
  ),
})).condition;

const bitSource = fc.oneof(
  fc.constantFrom(0 as const, 1 as const),
  fc.record({ clbit: index }),
  fc.record({ clbit: index, inverted: fc.constant(true) }),
);

const operation: fc.Arbitrary<Operation> = fc.letrec<{ operation: Operation; body: Operation[] }>(
  (tie) => ({
    body: fc.array(tie("operation"), { maxLength: 2 }),
    operation: fc.oneof(
      { depthSize: "small", maxDepth: 2 },
      fc.record(
        {
          kind: fc.constant("gate" as const),
          gate: fc.constantFrom("RX", "CZ", "mine"),
          qubits: indices,
          angles: fc.array(angle, { maxLength: 2 }),
          controls,
          power: real,
        },
        { requiredKeys: ["kind", "gate", "qubits", "angles"] },
      ),
      fc.record(
        {
          kind: fc.constant("unitary" as const),
          qubits: indices,
          re: fc.array(real),
          im: fc.array(real),
          controls,
          label: name,
        },
        { requiredKeys: ["kind", "qubits", "re", "im"] },
      ),
      fc.record(
        { kind: fc.constant("phase" as const), angle, controls },
        { requiredKeys: ["kind", "angle"] },
      ),
      fc.record({ kind: fc.constant("measure" as const), qubit: index, clbit: index }),
      fc.record({ kind: fc.constant("reset" as const), qubit: index }),
      fc.record({ kind: fc.constant("barrier" as const), qubits: fc.array(index) }),
      fc.record({ kind: fc.constant("delay" as const), qubits: indices, durationNs: real }),
      fc.record({
        kind: fc.constant("assign" as const),
        clbits: indices,
        value: fc.array(bitSource),
      }),
      fc.record(
        { kind: fc.constant("if" as const), condition, then: tie("body"), else: tie("body") },
        { requiredKeys: ["kind", "condition", "then"] },
      ),
      fc.record({
        kind: fc.constant("while" as const),
        condition,
        body: tie("body"),
        maxIterations: index,
      }),
      fc.record(
        {
          kind: fc.constant("switch" as const),
          clbits: indices,
          cases: fc.array(
            fc.record({ values: fc.array(natural, { maxLength: 2 }), body: tie("body") }),
            { maxLength: 2 },
          ),
          default: tie("body"),
        },
        { requiredKeys: ["kind", "clbits", "cases"] },
      ),
    ),
  }),
).operation;

const register = fc.record({ name, size: fc.integer({ min: 1, max: 9 }) });

const circuit: fc.Arbitrary<Circuit> = fc.record(
  {
    name,
    qubits: fc.integer({ min: 1, max: 72 }),
    clbits: fc.nat({ max: 72 }),
    quantumRegisters: fc.array(register, { minLength: 1 }),
    classicalRegisters: fc.array(register, { minLength: 1 }),
    parameters: fc.array(
      fc.record({ name, role: fc.constantFrom("shared" as const, "row" as const) }),
    ),
    definitions: fc.array(
      fc.record(
        {
          name,
          parameters: fc.array(name),
          qubits: index,
          body: fc.array(operation, { maxLength: 2 }),
          globalPhase: angle,
        },
        { requiredKeys: ["name", "parameters", "qubits", "body"] },
      ),
      { minLength: 1, maxLength: 2 },
    ),
    operations: fc.array(operation, { maxLength: 8 }),
    globalPhase: angle,
  },
  { requiredKeys: ["qubits", "clbits", "parameters", "operations"] },
);

describe("a circuit", () => {
  test("comes back from its bytes as it was", () => {
    fc.assert(
      fc.property(circuit, (original) => {
        const bytes = circuitV1.Circuit.encode(circuitToWire(original)).finish();
        expect(circuitFromWire(circuitV1.Circuit.decode(bytes))).toEqual(original);
      }),
      { numRuns: 200 },
    );
  });

  test("survives random bytes: a circuit or an error of ours, nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        let message: circuitV1.Circuit;
        try {
          message = circuitV1.Circuit.decode(bytes);
        } catch {
          return; // not protobuf: the server refuses it before any conversion
        }
        try {
          circuitFromWire(message);
        } catch (error) {
          expect(error).toMatchObject({ name: "QtuneError", code: "invalid_argument" });
        }
      }),
      { numRuns: 500 },
    );
  });

  test.each<[string, Parameters<typeof circuitV1.Circuit.fromPartial>[0], string]>([
    ["an operation of no kind", { operations: [{}] }, "circuit.operations[0]"],
    [
      "an angle that is not finite",
      { globalPhase: { constant: Number.NaN } },
      "circuit.global_phase.constant",
    ],
    ["a parameter without a role", { parameters: [{ name: "x" }] }, "circuit.parameters[0].role"],
    [
      "a control value of 2",
      { operations: [{ kind: { $case: "phase", value: { controls: [{ qubit: 0, value: 2 }] } } }] },
      "circuit.operations[0].controls[0].value",
    ],
    [
      "a number with a sign",
      {
        operations: [
          {
            kind: {
              $case: "whileLoop",
              value: { condition: { kind: { $case: "less", value: { value: "-1" } } } },
            },
          },
        ],
      },
      "circuit.operations[0].condition.value",
    ],
  ])("with %s is refused by place", (_, message, where) => {
    expect(() => circuitFromWire(circuitV1.Circuit.fromPartial(message))).toThrowError(
      expect.objectContaining({
        code: "invalid_argument",
        issues: [expect.objectContaining({ where })],
      }),
    );
  });
});

test("an observable comes back from its bytes as it was", () => {
  const factor = fc.record({
    qubit: index,
    pauli: fc.constantFrom("X" as const, "Y" as const, "Z" as const),
  });
  const observable = fc.record({
    terms: fc.array(fc.record({ coefficient: real, paulis: fc.array(factor) })),
  });
  fc.assert(
    fc.property(observable, (original) => {
      const bytes = circuitV1.Observable.encode(observableToWire(original)).finish();
      expect(observableFromWire(circuitV1.Observable.decode(bytes))).toEqual(original);
    }),
  );
});
