import { afterAll, expect, test } from "vitest";
import { createScoringProgram, type DecoderProgram } from "./decoder-program.ts";
import { tinyConfig, tinyTensors } from "./tiny-model.fixture.ts";

const config = tinyConfig();
const programs: DecoderProgram[] = [];
afterAll(async () => {
  for (const program of programs) await program.close();
});

async function openScoring(shareBeginnings: boolean): Promise<DecoderProgram> {
  const program = await createScoringProgram({
    config,
    tensors: tinyTensors(config),
    threads: 1,
    shareBeginnings,
  });
  programs.push(program);
  return program;
}

test("beginnings that sequences share are computed once, and every likelihood stays", async () => {
  const texts = [
    [3, 1, 4, 1, 5],
    [3, 1, 4, 2],
    [3, 1, 4, 1, 5],
    [7, 1, 4, 1],
  ];
  const sequences = texts.map((ids) => ({ ids, labels: ids }));
  const plain = await (await openScoring(false)).run(sequences);
  const shared = await (await openScoring(true)).run(sequences);
  expect(plain).toMatchObject({ tokens: 18, count: 14 });
  expect(shared).toMatchObject({ tokens: 10, count: 14 });
  shared.nll.forEach((value, k) => expect(value).toBeCloseTo(plain.nll[k]!, 6));
});
