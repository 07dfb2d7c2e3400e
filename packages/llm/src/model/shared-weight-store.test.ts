import { expect, test } from "vitest";
import { createGenerator } from "../generation/generator.ts";
import { createScoringProgram } from "./decoder-program.ts";
import { openSharedWeightStore } from "./shared-weight-store.ts";
import { tinyConfig, tinyTensors } from "./tiny-model.fixture.ts";

test("programs compiled at the same time write each weight once and compute as alone", async () => {
  const config = tinyConfig();
  const tensors = tinyTensors(config);
  const samples = [{ ids: [1, 5, 9, 4], labels: [1, 5, 9, 4] }];
  const alone = await createScoringProgram({ config, tensors });
  const expected = await alone.run(samples);
  await alone.close();

  const weightStore = await openSharedWeightStore();
  const [scoring, generator, again] = await Promise.all([
    createScoringProgram({ config, tensors, weightStore }),
    createGenerator({ config, tensors, weightStore }),
    createScoringProgram({ config, tensors, weightStore }),
  ]);
  const written = weightStore.writtenBytes;
  const later = await createScoringProgram({ config, tensors, weightStore });
  expect(weightStore.writtenBytes).toBe(written);
  for (const program of [scoring, again, later])
    expect((await program.run(samples)).nll).toEqual(expected.nll);
  for (const program of [scoring, generator, again, later]) await program.close();
  await weightStore.close();
});
