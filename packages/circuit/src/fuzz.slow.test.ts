/**
 * A million inputs; `QTUNE_SLOW=1` runs it, `QTUNE_FUZZ` changes the number, `QTUNE_FUZZ_SEED` the seed. A failure
 * prints the seed and the input, made as small as fast-check can.
 */
import fc from "fast-check";
import { describe, test } from "vitest";
import { createRandom } from "@qtune/base";
import { wantsSlowTests } from "@qtune/testkit";
import {
  damage,
  expectClearAnswer,
  expectRoundTrips,
  fuzzSeeds,
  type FuzzTally,
} from "./fuzz.suite.ts";
import { anyCircuit, anyProgram } from "./fuzz-grammar.suite.ts";

/** Inputs between two lines of progress. */
const portion = 10_000;

describe.skipIf(!wantsSlowTests())("fuzzing", () => {
  test("a million inputs get a clear answer", { timeout: 24 * 3_600_000 }, () => {
    const count = Number(process.env["QTUNE_FUZZ"] ?? 1_000_000);
    const seed = Number(process.env["QTUNE_FUZZ_SEED"] ?? 1);
    const tally: FuzzTally = { inputs: 0, accepted: 0, slowestMs: 0 };
    const start = performance.now();
    for (let i = 0; tally.inputs < count; i++) {
      runPortion(seed * 1_000_000 + i, tally);
      process.stderr.write(
        `fuzz seed ${seed}: ${tally.inputs} inputs, ${tally.accepted} accepted, slowest ${tally.slowestMs.toFixed(0)} ms, ` +
          `${((performance.now() - start) / 1000).toFixed(0)} s\n`,
      );
    }
  });
});

/** Six parts of damaged files, three of grammar, half a part each of damaged grammar and of circuits made in memory. */
function runPortion(seed: number, tally: FuzzTally): void {
  const seeds = fuzzSeeds();
  const random = createRandom(seed, "fuzz");
  for (let i = 0; i < 0.6 * portion; i++)
    expectClearAnswer(damage(seeds[i % seeds.length] ?? "", seeds, random), tally);
  const answer = (text: string): void => expectClearAnswer(text, tally);
  fc.assert(fc.property(anyProgram, answer), { seed, numRuns: 0.3 * portion });
  const damaged = fc
    .tuple(anyProgram, fc.nat())
    .map(([text, wound]) => damage(text, seeds, createRandom(wound, "wound")));
  fc.assert(fc.property(damaged, answer), { seed, numRuns: 0.05 * portion });
  fc.assert(
    fc.property(anyCircuit, (circuit) => {
      expectRoundTrips(circuit);
      tally.inputs += 1;
      tally.accepted += 1;
    }),
    { seed, numRuns: 0.05 * portion },
  );
}
