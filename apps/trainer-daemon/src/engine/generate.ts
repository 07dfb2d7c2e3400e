/** Text for one caller, piece by piece. */
import { type Abortable, QtuneError, createRandom } from "@qtune/base";
import { trainingV1 } from "@qtune/contracts";
import { type Generation, type Tokenizer, createTextStream, encodeChat } from "@qtune/llm";
import { type EvaluationTarget, createTargetGenerator } from "@qtune/trainer";

const defaultNewTokens = 128;

/** Generates the answer to one request. The seed that was used comes with the last message. */
export async function* generate(
  target: EvaluationTarget,
  request: trainingV1.GenerateRequest,
  { signal }: Abortable,
): AsyncGenerator<trainingV1.GenerateResponse> {
  const { tokenizer, model } = target;
  const promptIds = promptOf(tokenizer, request);
  const seed =
    request.temperature > 0
      ? (request.seed ?? BigInt(crypto.getRandomValues(new Uint32Array(1))[0] ?? 0))
      : undefined;
  const maxNewTokens = request.maxNewTokens ?? defaultNewTokens;
  const promptTokens = promptIds.length;
  const expected = { rows: 1, promptTokens, longest: promptTokens + maxNewTokens };
  const generator = await createTargetGenerator(target, { signal, expected });
  const pieces: trainingV1.GenerateResponse[] = [];
  let wake: () => void = () => {};
  const text = createTextStream(tokenizer);
  let finished = false;
  const running: Promise<readonly Generation[]> = generator
    .generate({
      promptIds: [promptIds],
      maxNewTokens,
      temperature: request.temperature,
      ...(request.topP === undefined ? {} : { topP: request.topP }),
      ...(request.topK === undefined ? {} : { topK: request.topK }),
      ...(seed === undefined ? {} : { random: createRandom(seed, "generate") }),
      stopIds: request.ignoreEos ? [] : model.config.eosIds,
      logProbabilities: true,
      signal,
      onToken: ({ id, logProbability }) => {
        pieces.push(
          trainingV1.GenerateResponse.fromPartial({
            ids: [id],
            text: text.push(id),
            logprobs: logProbability === undefined ? [] : [logProbability],
          }),
        );
        wake();
      },
    })
    .finally(() => {
      finished = true;
      wake();
    });
  running.catch(() => {}); // awaited below
  try {
    while (!finished || pieces.length > 0) {
      yield* pieces.splice(0);
      if (finished) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (pieces.length > 0 || finished) resolve();
      });
    }
    const [generation] = await running;
    const reason =
      generation?.finishReason === "stop"
        ? trainingV1.FinishReason.FINISH_REASON_STOP
        : trainingV1.FinishReason.FINISH_REASON_LENGTH;
    yield trainingV1.GenerateResponse.fromPartial({
      text: text.end(),
      end: { reason, promptIds, ...(seed === undefined ? {} : { seed }) },
    });
  } finally {
    await generator.close();
  }
}

function promptOf(tokenizer: Tokenizer, { prompt }: trainingV1.GenerateRequest): number[] {
  switch (prompt?.$case) {
    case "text":
      return tokenizer.encode(prompt.value);
    case "chat":
      return encodeChat(
        tokenizer,
        prompt.value.messages.map(({ role, content }) => ({ role, content })),
        { addGenerationPrompt: true },
      ).ids;
    case "tokens":
      return [...prompt.value.ids];
    case undefined:
      throw new QtuneError(
        "invalid_argument",
        "expected text, chat or tokens but no prompt was given",
        { where: "prompt" },
      );
    default:
      return prompt satisfies never;
  }
}
