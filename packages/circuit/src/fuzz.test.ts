import fc from "fast-check";
import { expect, test } from "vitest";
import { createRandom } from "@qtune/base";
import { damage, expectClearAnswer, expectRoundTrips, fuzzSeeds } from "./fuzz.suite.ts";
import { anyCircuit, anyProgram } from "./fuzz-grammar.suite.ts";
import { validateCircuit } from "./validate.ts";

test("damaged programs get a clear answer", () => {
  const seeds = fuzzSeeds();
  const random = createRandom(20_260_101, "fuzz");
  for (let i = 0; i < 250; i++)
    expectClearAnswer(damage(seeds[i % seeds.length] ?? "", seeds, random));
});

test("programs by grammar get a clear answer", () => {
  fc.assert(
    fc.property(anyProgram, (text) => expectClearAnswer(text)),
    { numRuns: 200, seed: 3 },
  );
});

test("circuits with operations of every kind are sound and come back from every format", () => {
  fc.assert(
    fc.property(anyCircuit, (circuit) => {
      expect(validateCircuit(circuit)).toEqual([]);
      expectRoundTrips(circuit);
    }),
    { numRuns: 100, seed: 5 },
  );
});

test("any text gets a clear answer", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => expectClearAnswer(text)),
    { numRuns: 100, seed: 7 },
  );
});
