/** A million damaged programs; `QTUNE_SLOW=1` runs it, `QTUNE_FUZZ` changes the number, `QTUNE_FUZZ_SEED` the seed. */
import { describe, test } from "vitest";
import { createRandom } from "@qtune/base";
import { wantsSlowTests } from "@qtune/testkit";
import { damage, expectClearAnswer, fuzzSeeds } from "./fuzz.suite.ts";

describe.skipIf(!wantsSlowTests())("fuzzing", () => {
  test("a million damaged programs get a clear answer", { timeout: 24 * 3_600_000 }, () => {
    const seeds = fuzzSeeds();
    const count = Number(process.env["QTUNE_FUZZ"] ?? 1_000_000);
    const random = createRandom(process.env["QTUNE_FUZZ_SEED"] ?? "slow", "fuzz");
    for (let i = 0; i < count; i++)
      expectClearAnswer(damage(seeds[i % seeds.length] ?? "", seeds, random));
  });
});
