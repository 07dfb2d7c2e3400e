import { QtuneError, suggest } from "@qtune/base";
import { trainingV1 } from "@qtune/contracts";
import { type ServiceHandlers, tensorToWire, usageToWire } from "@qtune/rpc";
import type { SessionDatum } from "@qtune/trainer";
import { type HostedSession, type SessionBook, hashOf } from "../sessions/session-book.ts";
import { pageSize } from "./names.ts";
import { sendFile } from "./send-file.ts";

type Handlers = ServiceHandlers<typeof trainingV1.TrainingSessionServiceService>;

/** Most examples of one streamed call, all parts together. */
const maxStreamedBytes = 64 * 1024 * 1024;
/** Elements of a tensor in one message. */
const chunkElements = 128 * 1024;

/** Creates the handlers of TrainingSessionService. */
export function createSessionHandlers(book: SessionBook): Handlers {
  const forwardBackward = (
    request: trainingV1.ForwardBackwardRequest,
    owner: string,
    signal: AbortSignal,
  ): Promise<trainingV1.ForwardBackwardResponse> => {
    const session = book.find(request.session, owner);
    const body = hashOf(
      "forwardBackward",
      trainingV1.ForwardBackwardRequest.encode(request).finish(),
    );
    return session.calls.run(request.sequence, body, () => applyBatch(session, request), signal);
  };

  return {
    createSession: async (request, { principal, signal }) =>
      sessionToWire(await book.create(request, principal.name, { signal })),
    getSession: async ({ name }, { principal }) => sessionToWire(book.find(name, principal.name)),
    listSessions: async ({ pageSize: size, pageToken }, { principal }) => {
      const all = book.list(principal.name);
      const start = pageToken === "" ? 0 : all.findIndex(({ name }) => name === pageToken) + 1;
      const page = all.slice(start, start + pageSize(size));
      const isLast = start + page.length >= all.length;
      return {
        sessions: page.map(sessionToWire),
        nextPageToken: isLast ? "" : (page.at(-1)?.name ?? ""),
      };
    },
    heartbeatSession: async ({ name }, { principal }) =>
      sessionToWire(book.find(name, principal.name)),
    deleteSession: async ({ name }, { principal }) => {
      await book.remove(name, principal.name);
      return {};
    },
    forwardBackward: (request, { principal, signal }) =>
      forwardBackward(request, principal.name, signal),
    streamForwardBackward: async (parts, { principal, signal }) =>
      forwardBackward(await collectParts(parts), principal.name, signal),
    optimStep: (request, { principal, signal }) => {
      const session = book.find(request.session, principal.name);
      const body = hashOf("optimStep", trainingV1.OptimStepRequest.encode(request).finish());
      return session.calls.run(
        request.sequence,
        body,
        async () => applyStep(session, request),
        signal,
      );
    },
    saveState: (request, { principal, signal }) => {
      const session = book.find(request.session, principal.name);
      // Map entries have no order on the wire.
      const body = JSON.stringify([
        "save",
        request.weightsOnly,
        request.ttlSeconds,
        [...request.metadata].sort(),
      ]);
      return session.calls.run(request.sequence, body, () => book.save(session, request), signal);
    },
    loadState: async (request, { principal, signal }) => {
      const session = book.find(request.session, principal.name);
      const body = hashOf("loadState", trainingV1.LoadStateRequest.encode(request).finish());
      await session.calls.run(request.sequence, body, () => book.load(session, request), signal);
      return { session: sessionToWire(session) };
    },
    downloadState: async function* ({ name }, { principal, signal }) {
      const { folder, files } = await book.openState(name, principal.name);
      for (const entry of files)
        for await (const chunk of sendFile(folder, entry, 0, signal)) yield { chunk };
    },
    getTensors: async function* ({ session: name, names, gradients }, { principal }) {
      const { training } = book.find(name, principal.name).open;
      const source: ReadonlyMap<string, Float32Array | Float64Array> = gradients
        ? training.gradients()
        : training.values;
      const shapes = new Map(training.adapter.tensors.map((tensor) => [tensor.name, tensor.shape]));
      for (const wanted of names.length === 0 ? [...source.keys()] : names) {
        const values = source.get(wanted);
        if (values === undefined) throw unknownTensor(wanted, [...source.keys()]);
        const whole = Float64Array.from(values);
        const shape = shapes.get(wanted) ?? [whole.length];
        for (let first = 0; first < whole.length; first += chunkElements) {
          const part = whole.subarray(first, first + chunkElements);
          const dims = part.length === whole.length ? shape : [part.length];
          yield {
            name: wanted,
            tensor: tensorToWire(part, dims),
            firstElement: BigInt(first),
          };
        }
      }
    },
    sample: async function* ({ session: name, generate }, { principal, signal }) {
      const session = book.find(name, principal.name);
      if (generate === undefined)
        throw new QtuneError("invalid_argument", "expected what to generate", {
          where: "generate",
        });
      for await (const piece of session.open.sample(generate, { signal })) yield { piece };
    },
  };
}

async function applyBatch(
  { open }: HostedSession,
  { data, loss, forwardOnly, scale }: trainingV1.ForwardBackwardRequest,
): Promise<trainingV1.ForwardBackwardResponse> {
  const kinds = trainingV1.LossKind;
  if (loss !== kinds.LOSS_KIND_UNSPECIFIED && loss !== kinds.LOSS_KIND_CROSS_ENTROPY)
    throw new QtuneError("unimplemented", "this version knows CROSS_ENTROPY only", {
      where: "loss",
    });
  if (data.length === 0)
    throw new QtuneError("invalid_argument", "expected at least one datum", { where: "data" });
  if (scale !== undefined && !Number.isFinite(scale))
    throw new QtuneError("invalid_argument", `expected a finite scale but was given ${scale}`, {
      where: "scale",
    });
  const examples = data.map(({ inputIds, targetIds, weights }): SessionDatum => ({
    inputIds,
    targetIds,
    ...(weights.length === 0 ? {} : { weights }),
  }));
  // No signal: a call that has started is applied whole, so that its retry finds the answer.
  const result = await open.training.forwardBackward(examples, {
    forwardOnly,
    ...(scale === undefined ? {} : { scale }),
  });
  return {
    lossSum: result.lossSum,
    weightSum: result.weightSum,
    outputs: result.logprobs.map((logprobs) => ({ logprobs: [...logprobs] })),
    metrics: new Map([["circuits:sum", result.usage.circuits]]),
    usage: usageToWire(result.usage),
  };
}

function applyStep(
  { open }: HostedSession,
  { adam }: trainingV1.OptimStepRequest,
): trainingV1.OptimStepResponse {
  const given = adam ?? trainingV1.AdamParameters.fromPartial({});
  const { learningRate = 1e-4, beta1, beta2, eps, weightDecay, clipNorm } = given;
  const ranges: readonly (readonly [
    string,
    number | undefined,
    (value: number) => boolean,
    string,
  ])[] = [
    ["learning_rate", learningRate, (v) => v >= 0, "at least 0"],
    ["beta1", beta1, (v) => v >= 0 && v < 1, "0 to below 1"],
    ["beta2", beta2, (v) => v >= 0 && v < 1, "0 to below 1"],
    ["eps", eps, (v) => v > 0, "above 0"],
    ["weight_decay", weightDecay, (v) => v >= 0, "at least 0"],
    ["clip_norm", clipNorm, (v) => v >= 0, "at least 0"],
  ];
  for (const [name, value, fits, range] of ranges) {
    if (value === undefined || (Number.isFinite(value) && fits(value))) continue;
    throw new QtuneError("out_of_range", `expected ${range} but was given ${value}`, {
      where: `adam.${name}`,
    });
  }
  return open.training.optimStep({
    learningRate,
    ...(beta1 === undefined ? {} : { beta1 }),
    ...(beta2 === undefined ? {} : { beta2 }),
    ...(eps === undefined ? {} : { epsilon: eps }),
    ...(weightDecay === undefined ? {} : { weightDecay }),
    ...(clipNorm === undefined ? {} : { clipNorm }),
  });
}

async function collectParts(
  parts: AsyncIterable<trainingV1.StreamForwardBackwardRequest>,
): Promise<trainingV1.ForwardBackwardRequest> {
  let header: trainingV1.ForwardBackwardRequest | undefined;
  const data: trainingV1.Datum[] = [];
  let bytes = 0;
  for await (const message of parts) {
    const { part } = message;
    const isFirst = header === undefined;
    if ((part?.$case === "header") !== isFirst || part === undefined) {
      throw new QtuneError(
        "invalid_argument",
        isFirst ? "expected the header first" : "expected data after the header",
        { where: "part" },
      );
    }
    bytes += trainingV1.StreamForwardBackwardRequest.encode(message).finish().length;
    if (bytes > maxStreamedBytes) {
      throw new QtuneError(
        "resource_exhausted",
        `expected at most ${maxStreamedBytes} bytes in one call; make several, gradients add up`,
        { where: "data" },
      );
    }
    if (part.$case === "header") header = part.value;
    for (const datum of part.value.data) data.push(datum);
  }
  if (header === undefined)
    throw new QtuneError("invalid_argument", "expected the header first", { where: "part" });
  return { ...header, data };
}

function sessionToWire(session: HostedSession): trainingV1.Session {
  const { name, given, seed, calls, open, createTime, expireTime } = session;
  const { adapter, step } = open.training;
  const tensors = adapter.tensors.map((tensor) => ({
    name: tensor.name,
    shape: [...tensor.shape],
  }));
  const trainable = tensors.reduce(
    (sum, { shape }) => sum + shape.reduce((product, dim) => product * dim, 1),
    0,
  );
  return {
    ...given,
    name,
    seed,
    state: trainingV1.SessionState.SESSION_STATE_ACTIVE,
    stateReason: "",
    nextSequence: calls.next,
    step,
    trainableParameters: BigInt(trainable),
    tensors,
    createTime,
    expireTime,
  };
}

function unknownTensor(wanted: string, names: readonly string[]): QtuneError {
  const near = suggest(wanted, names);
  return new QtuneError(
    "not_found",
    `no such tensor${near === undefined ? "" : `; did you mean ${near}?`}`,
    { where: `names ${JSON.stringify(wanted.slice(0, 120))}` },
  );
}
