import { afterEach, expect, test, vi } from "vitest";
import { trainingV1 } from "@qtune/contracts";
import type { EvaluationTarget } from "@qtune/trainer";
import { generate } from "./generate.ts";

afterEach(() => void vi.restoreAllMocks());

test("refuses an answer that the memory does not hold, before the model is compiled, with the figure and three ways out", async () => {
  vi.spyOn(process, "availableMemory").mockReturnValue(1e8);
  const sizes = { layers: 2, hidden: 64, heads: 4, kvHeads: 4, headDim: 16, ffn: 128, vocab: 512 };
  const target = {
    model: { config: { ...sizes, maxPositions: 1024, eosIds: [2] } },
    tokenizer: { vocabSize: 512 },
  } as unknown as EvaluationTarget; // nothing else is looked at before the refusal
  const request = trainingV1.GenerateRequest.fromPartial({
    prompt: { $case: "tokens", value: { ids: [1, 5, 9] } },
    maxNewTokens: 500,
  });
  const asked = generate(target, request, { signal: undefined }).next();
  await expect(asked).rejects.toMatchObject({
    code: "resource_exhausted",
    message: expect.stringMatching(
      /needs about 0\.\d GB .* but 0\.1 GB are free; keep the base weights in int8 or int4, allow shorter texts than 503 tokens, or take a smaller model/,
    ),
  });
});
