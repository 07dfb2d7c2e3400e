import fc from "fast-check";
import { test } from "vitest";
import { createRandom } from "@qtune/base";
import { damage, expectClearAnswer, fuzzSeeds } from "./fuzz.suite.ts";

test("damaged programs get a clear answer", () => {
  const seeds = fuzzSeeds();
  const random = createRandom(20_260_101, "fuzz");
  for (let i = 0; i < 250; i++)
    expectClearAnswer(damage(seeds[i % seeds.length] ?? "", seeds, random));
});

test("any text gets a clear answer", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => expectClearAnswer(text)),
    { numRuns: 150, seed: 7 },
  );
});
