/** TrainingSessionService as a client sees it: the loop is here, model, gradients and optimiser are in the daemon. */
import { QtuneError, createRandom } from "@qtune/base";
import { trainingV1 } from "@qtune/contracts";
import { createChannel, tensorFromWire } from "@qtune/rpc";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type TestBed, createTestBed } from "./runs.ts";

const service = trainingV1.TrainingSessionServiceService;
let bed: TestBed;
let channel: ReturnType<typeof createChannel>;
beforeAll(async () => {
  bed = await createTestBed();
  channel = createChannel({ target: bed.trainer.address });
}, 60_000);
afterAll(async () => {
  channel.close();
  await bed[Symbol.asyncDispose]();
});

const adapterJson = JSON.stringify({ kind: "BC", rank: 4, targets: ["q_proj"] });

function create(change: Partial<trainingV1.Session> = {}): Promise<trainingV1.Session> {
  const session = { model: bed.model, adapterJson, seed: 5n, ...change };
  return channel.unary(
    service.createSession,
    trainingV1.CreateSessionRequest.fromPartial({ session }),
  );
}

const random = createRandom(9);
const drawDatum = (length: number): trainingV1.Datum => {
  const ids = Array.from({ length: length + 1 }, () => 97 + random.nextBelow(4));
  return { inputIds: ids.slice(0, -1), targetIds: ids.slice(1), weights: [] };
};
const data = [drawDatum(12), drawDatum(5), drawDatum(9)];

function forwardBackward(
  session: string,
  sequence: bigint,
  given: readonly trainingV1.Datum[],
  change: Partial<trainingV1.ForwardBackwardRequest> = {},
): Promise<trainingV1.ForwardBackwardResponse> {
  const request = { session, sequence, data: [...given], ...change };
  return channel.unary(
    service.forwardBackward,
    trainingV1.ForwardBackwardRequest.fromPartial(request),
  );
}

function optimStep(session: string, sequence: bigint): Promise<trainingV1.OptimStepResponse> {
  const adam = { learningRate: 0.02, clipNorm: 1 };
  return channel.unary(
    service.optimStep,
    trainingV1.OptimStepRequest.fromPartial({ session, sequence, adam }),
  );
}

async function tensorsOf(
  session: string,
  gradients = false,
): Promise<ReadonlyMap<string, Float64Array>> {
  const tensors = new Map<string, Float64Array>();
  const request = trainingV1.GetTensorsRequest.fromPartial({ session, gradients });
  for await (const { name, tensor } of channel.serverStream(service.getTensors, request))
    tensors.set(name, tensorFromWire(tensor, name).values);
  return tensors;
}

describe("a training session over gRPC", () => {
  test("trains: calls sent ahead in any order are applied in order, and the loss falls", async () => {
    const { name, tensors, trainableParameters } = await create();
    expect(tensors.length).toBeGreaterThan(0);
    expect(Number(trainableParameters)).toBe(2 * (4 * 64 + 2 * 16 + 16));
    const losses: number[] = [];
    for (let step = 0; step < 8; step++) {
      const at = BigInt(2 * step);
      // The step is sent before the batch that it applies.
      const stepped = optimStep(name, at + 1n);
      const { lossSum, weightSum, outputs } = await forwardBackward(name, at, data);
      expect(weightSum).toBe(26);
      expect(outputs.map(({ logprobs }) => logprobs.length)).toEqual([12, 5, 9]);
      expect((await stepped).step).toBe(step + 1);
      losses.push(lossSum / weightSum);
    }
    expect(losses.at(-1)).toBeLessThan(losses[0]! - 0.2);
  });

  test("k calls give the gradient of one, a retry is not applied twice, a stream is one call", async () => {
    const [whole, parts] = await Promise.all([create(), create()]);
    await forwardBackward(whole.name, 0n, data);
    await forwardBackward(parts.name, 0n, data.slice(0, 1));
    const first = await forwardBackward(parts.name, 1n, data.slice(1, 2));
    expect(await forwardBackward(parts.name, 1n, data.slice(1, 2))).toEqual(first);
    await expect(forwardBackward(parts.name, 1n, data)).rejects.toMatchObject({
      code: "already_exists",
    });
    const header = trainingV1.ForwardBackwardRequest.fromPartial({
      session: parts.name,
      sequence: 2n,
    });
    const messages: trainingV1.StreamForwardBackwardRequest[] = [
      { part: { $case: "header", value: header } },
      { part: { $case: "data", value: { data: data.slice(2) } } },
    ];
    await channel.clientStream(service.streamForwardBackward, () => messages);
    const [expected, actual] = await Promise.all([
      tensorsOf(whole.name, true),
      tensorsOf(parts.name, true),
    ]);
    expect(actual.size).toBe(expected.size);
    for (const [name, gradient] of expected)
      gradient.forEach((value, i) => expect(actual.get(name)![i]).toBeCloseTo(value, 4));
  });

  test("a refused call adds nothing and leaves its number open", async () => {
    const { name } = await create();
    const outside = { inputIds: [1, 2], targetIds: [2, 9_999], weights: [1, 0.5] };
    await expect(forwardBackward(name, 0n, [data[0]!, outside])).rejects.toBeInstanceOf(QtuneError);
    for (const gradient of (await tensorsOf(name, true)).values())
      expect(gradient.every((value) => value === 0)).toBe(true);
    await forwardBackward(name, 0n, data);
    await expect(forwardBackward(name, 500n, data)).rejects.toMatchObject({
      code: "resource_exhausted",
    });
    await expect(
      channel.unary(
        service.optimStep,
        trainingV1.OptimStepRequest.fromPartial({
          session: name,
          sequence: 1n,
          adam: { learningRate: Number.NaN },
        }),
      ),
    ).rejects.toThrow("adam.learning_rate: expected at least 0 but was given NaN");
  });

  test("a saved state outlives session and daemon, and trains on as if nothing had happened", async () => {
    const { name } = await create();
    await forwardBackward(name, 0n, data);
    await optimStep(name, 1n);
    const request = { session: name, sequence: 2n, metadata: [["note", "first"]] as const };
    const saved = await channel.unary(service.saveState, {
      ...trainingV1.SaveStateRequest.fromPartial({ session: name, sequence: 2n }),
      metadata: new Map(request.metadata),
    });
    expect(saved).toMatchObject({ step: 1, hasOptimizer: true });
    expect(saved.files.map(({ path }) => path)).toContain("adapter_model.safetensors");
    await forwardBackward(name, 3n, data);
    await optimStep(name, 4n);
    const expected = await tensorsOf(name);

    process.kill(bed.trainer.pid, "SIGKILL");
    await channel.waitForReady(30_000);
    const again = await createPatiently();
    const { session } = await channel.unary(service.loadState, {
      session: again.name,
      sequence: 0n,
      state: saved.name,
      weightsOnly: false,
    });
    expect(session).toMatchObject({ step: 1, nextSequence: 1n });
    await forwardBackward(again.name, 1n, data);
    await optimStep(again.name, 2n);
    expect(await tensorsOf(again.name)).toEqual(expected);

    const other = await create({ adapterJson: JSON.stringify({ kind: "lora", rank: 2 }) });
    await expect(
      channel.unary(service.loadState, {
        session: other.name,
        sequence: 0n,
        state: saved.name,
        weightsOnly: false,
      }),
    ).rejects.toMatchObject({ code: "failed_precondition" });
    let bytes = 0;
    for await (const { chunk } of channel.serverStream(service.downloadState, { name: saved.name }))
      bytes += chunk?.data.length ?? 0;
    expect(bytes).toBe(saved.files.reduce((sum, { sizeBytes }) => sum + Number(sizeBytes), 0));
  });

  test("samples with the current weights, lists and deletes", async () => {
    const { name } = await create();
    const generate = trainingV1.GenerateRequest.fromPartial({
      prompt: { $case: "tokens", value: { ids: [97, 98] } },
      maxNewTokens: 4,
      ignoreEos: true,
    });
    const ids: number[] = [];
    for await (const { piece } of channel.serverStream(service.sample, { session: name, generate }))
      ids.push(...(piece?.ids ?? []));
    expect(ids).toHaveLength(4);
    const { sessions } = await channel.unary(service.listSessions, { pageSize: 1, pageToken: "" });
    expect(sessions[0]?.name).toBe(name);
    await channel.unary(service.deleteSession, { name });
    await expect(channel.unary(service.getSession, { name })).rejects.toMatchObject({
      code: "not_found",
    });
    const once = (): Promise<trainingV1.Session> =>
      channel.unary(
        service.createSession,
        trainingV1.CreateSessionRequest.fromPartial({
          session: { model: bed.model, adapterJson },
          requestId: "2f0d2c57-7b52-4f0c-9d1a-0d8a4a5b6c7d",
        }),
      );
    const first = await once();
    expect((await once()).name).toBe(first.name);
    await channel.unary(service.deleteSession, { name: first.name });
    expect((await once()).name).not.toBe(first.name);
    await expect(create({ seed: 2n ** 60n })).rejects.toThrow("expected a seed below 2^53");
    await expect(create({ adapterJson: '{"kind":"lora","rank":2,"rnak":2}' })).rejects.toThrow(
      /rnak/,
    );
    await expect(create({ model: "no-such-model" })).rejects.toMatchObject({
      code: "permission_denied",
    });
  });
});

/** Creates a session once the daemon is back. */
async function createPatiently(): Promise<trainingV1.Session> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      return await create();
    } catch (error) {
      if (QtuneError.from(error).code !== "unavailable" || Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
