import { connect } from "node:net";
import { Client, ChannelCredentials } from "@grpc/grpc-js";
import { QtuneError } from "@qtune/base";
import { layerV1, simulatorV1 } from "@qtune/contracts";
import { afterEach, describe, expect, test } from "vitest";
import { type Channel, createChannel } from "../client/channel.ts";
import { createServiceClient } from "../client/service-client.ts";
import { type CallContext, type ServiceHandlers, hostService } from "./handlers.ts";
import { type RpcServer, type RpcServerOptions, createServer } from "./server.ts";
import { parseTokenFile } from "./auth.ts";

const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

type Handlers = ServiceHandlers<typeof simulatorV1.SimulatorServiceService>;

async function start(
  handlers: Handlers,
  options: Partial<RpcServerOptions> = {},
): Promise<RpcServer> {
  const services = [hostService(simulatorV1.SimulatorServiceService, handlers)];
  const server = await createServer({ services, onError: () => undefined, ...options });
  open.push({ close: () => server.close({ graceMs: 100 }) });
  return server;
}

function connectTo(server: RpcServer, options: { token?: string } = {}): Channel {
  const channel = createChannel({ target: server.address, ...options });
  open.push(channel);
  return channel;
}

function clientOf(channel: Channel) {
  return createServiceClient(simulatorV1.SimulatorServiceService, channel);
}

const describeRequest = simulatorV1.DescribeRequest.fromPartial({});
const vjpRequest = simulatorV1.VjpRequest.fromPartial({});
const answer = simulatorV1.DescribeResponse.fromPartial({ description: { name: "test" } });

describe("a unary call", () => {
  test("returns what the handler returns", async () => {
    const server = await start({ describe: async () => answer });
    expect(await clientOf(connectTo(server)).describe(describeRequest)).toEqual(answer);
  });

  test("carries an error with its code, place, details and issues", async () => {
    const issues = [
      {
        where: "batch.rows",
        expected: "at least 1",
        given: "0",
        hint: "send rows",
        line: 3,
        column: 7,
      },
    ];
    const server = await start({
      describe: async () => {
        throw new QtuneError("invalid_argument", "the batch is empty", {
          where: "batch",
          issues,
          details: { limit: 5 },
        });
      },
    });
    const error: unknown = await clientOf(connectTo(server))
      .describe(describeRequest)
      .catch((each: unknown) => each);
    expect(error).toMatchObject({
      code: "invalid_argument",
      message: "batch: the batch is empty",
      where: "batch",
      details: { limit: 5 },
      issues,
    });
  });

  test("hides an error without a code behind a correlation id", async () => {
    const seen: unknown[] = [];
    const secret = new Error("password is swordfish");
    const server = await start(
      {
        describe: async () => {
          throw secret;
        },
      },
      { onError: (error) => seen.push(error) },
    );
    const error: unknown = await clientOf(connectTo(server))
      .describe(describeRequest)
      .catch((each: unknown) => each);
    expect(error).toMatchObject({ code: "internal" });
    expect(String(error)).not.toContain("swordfish");
    expect(seen).toEqual([secret]);
  });

  test("is retried while the service is unavailable, and not for other errors", async () => {
    let calls = 0;
    const server = await start({
      describe: async () => {
        if (++calls < 3)
          throw new QtuneError("unavailable", "not yet", { details: { retryDelayMs: 1 } });
        return answer;
      },
      estimate: async () => {
        calls++;
        throw new QtuneError("failed_precondition", "no");
      },
    });
    const client = clientOf(connectTo(server));
    expect(await client.describe(describeRequest)).toEqual(answer);
    expect(calls).toBe(3);
    const request = simulatorV1.EstimateRequest.fromPartial({});
    await expect(client.estimate(request)).rejects.toMatchObject({ code: "failed_precondition" });
    expect(calls).toBe(4);
  });

  test("aborts the handler when the caller's deadline passes", async () => {
    const reasons: unknown[] = [];
    const server = await start({
      describe: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            reasons.push(signal.reason);
            reject(signal.reason as Error);
          });
        }),
    });
    const call = clientOf(connectTo(server)).describe(describeRequest, { deadlineMs: 50 });
    await expect(call).rejects.toMatchObject({ code: "deadline_exceeded" });
    await expect.poll(() => reasons).toMatchObject([{ code: "deadline_exceeded" }]);
  });

  test("aborts the handler when the caller aborts", async () => {
    const reasons: unknown[] = [];
    const arrived = Promise.withResolvers<void>();
    const server = await start({
      describe: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          arrived.resolve();
          signal.addEventListener("abort", () => {
            reasons.push(signal.reason);
            reject(signal.reason as Error);
          });
        }),
    });
    const controller = new AbortController();
    const call = clientOf(connectTo(server)).describe(describeRequest, {
      signal: controller.signal,
    });
    await arrived.promise;
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: "cancelled" });
    await expect.poll(() => reasons).toMatchObject([{ code: "cancelled" }]);
  });

  test("answers unimplemented where there is no handler", async () => {
    const server = await start({});
    await expect(clientOf(connectTo(server)).describe(describeRequest)).rejects.toMatchObject({
      code: "unimplemented",
    });
  });
});

describe("a stream", () => {
  test("carries messages both ways and ends", async () => {
    const server = await start({
      vjpStream: async function* (requests) {
        let sum = 0;
        for await (const { part } of requests) if (part?.$case === "chunk") sum += part.value.rows;
        yield simulatorV1.VjpStreamResponse.fromPartial({
          part: { $case: "rows", value: { rows: sum } },
        });
        yield simulatorV1.VjpStreamResponse.fromPartial({ part: { $case: "end", value: {} } });
      },
    });
    const chunk = (rows: number) =>
      simulatorV1.VjpStreamRequest.fromPartial({ part: { $case: "chunk", value: { rows } } });
    const got: simulatorV1.VjpStreamResponse[] = [];
    for await (const each of clientOf(connectTo(server)).vjpStream([chunk(1), chunk(2), chunk(3)]))
      got.push(each);
    expect(got.map((each) => each.part?.$case)).toEqual(["rows", "end"]);
    expect(got[0]?.part?.value).toMatchObject({ rows: 6 });
  });

  test("stops producing while the reader is slow, and stops for good when it leaves", async () => {
    let produced = 0;
    let aborted = false;
    const value = { rows: 1, rowGradient: Buffer.alloc(200_000) };
    const server = await start({
      vjpStream: async function* (_requests, { signal }: CallContext) {
        signal.addEventListener("abort", () => (aborted = true));
        for (; produced < 10_000; produced++)
          yield simulatorV1.VjpStreamResponse.fromPartial({ part: { $case: "rows", value } });
      },
    });
    for await (const _ of clientOf(connectTo(server)).vjpStream([])) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      break;
    }
    await expect.poll(() => aborted).toBe(true);
    expect(produced).toBeLessThan(1000);
  });
});

describe("a hostile client", () => {
  test("gets invalid_argument for bytes that are no message", async () => {
    const server = await start({ vjp: async () => simulatorV1.VjpResponse.fromPartial({}) });
    const channel = connectTo(server);
    const method = {
      ...simulatorV1.SimulatorServiceService.vjp,
      requestSerialize: () => Buffer.from([0x0a, 0xff, 0xff, 0xff]),
    };
    await expect(channel.unary(method, vjpRequest)).rejects.toMatchObject({
      code: "invalid_argument",
      where: "request",
    });
  });

  test("gets invalid_argument for a message nested a thousand deep", async () => {
    const server = await start({ vjp: async () => simulatorV1.VjpResponse.fromPartial({}) });
    // request.batch.structure.circuit.operations[0].if_else.condition.negation.negation. ...
    const tags = [0x0a, 0x0a, 0x0a, 0x42, 0x4a, 0x0a, ...new Array<number>(1000).fill(0x22)];
    let bytes = Buffer.alloc(0);
    for (const tag of tags.reverse())
      bytes = Buffer.concat([Buffer.from([tag, ...varint(bytes.length)]), bytes]);
    const method = { ...simulatorV1.SimulatorServiceService.vjp, requestSerialize: () => bytes };
    const call = connectTo(server).unary(method, vjpRequest);
    await expect(call).rejects.toMatchObject({ code: "invalid_argument" });
  });

  test("gets resource_exhausted for a message above the limit, and the server goes on", async () => {
    const server = await start(
      { describe: async () => answer, vjp: async () => simulatorV1.VjpResponse.fromPartial({}) },
      { maxMessageBytes: 1000 },
    );
    const client = clientOf(connectTo(server));
    const large = simulatorV1.VjpRequest.fromPartial({ cotangent: Buffer.alloc(5000) });
    await expect(client.vjp(large)).rejects.toMatchObject({ code: "resource_exhausted" });
    expect(await client.describe(describeRequest)).toEqual(answer);
  });

  test("cannot stop the server by talking something else", async () => {
    const server = await start({ describe: async () => answer });
    const socket = connect(server.port, "127.0.0.1");
    socket.write("GET / HTTP/1.1\r\n\r\n\0\0\0");
    await new Promise((resolve) => socket.once("close", resolve).once("error", resolve).resume());
    expect(await clientOf(connectTo(server)).describe(describeRequest)).toEqual(answer);
  });
});

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

describe("tokens", () => {
  const tokens = parseTokenFile(
    JSON.stringify([
      { name: "runner", token: "a-long-enough-secret" },
      { name: "reader", token: "another-long-secret!", scopes: ["device.read"] },
    ]),
  );

  test("let in who has one and tell the handler who it is", async () => {
    const names: string[] = [];
    const server = await start(
      { describe: async (_, { principal }) => (names.push(principal.name), answer) },
      { tokens },
    );
    expect(
      await clientOf(connectTo(server, { token: "a-long-enough-secret" })).describe(
        describeRequest,
      ),
    ).toEqual(answer);
    expect(names).toEqual(["runner"]);
  });

  test.each([
    ["no token", undefined, "unauthenticated"],
    ["an unknown token", "not-the-right-secret", "unauthenticated"],
    ["a token without the scope", "another-long-secret!", "permission_denied"],
  ])("keep out who has %s", async (_, token, code) => {
    const server = await start({ describe: async () => answer }, { tokens });
    const client = clientOf(connectTo(server, token === undefined ? {} : { token }));
    await expect(client.describe(describeRequest)).rejects.toMatchObject({ code });
  });

  test("are refused with every problem of the file, and no secret is quoted", () => {
    const text = JSON.stringify([
      { name: "a", token: "short" },
      { name: "", token: "a-long-enough-secret", scopes: ["admin"] },
    ]);
    expect(() => parseTokenFile(text)).toThrowError(
      expect.objectContaining({ issues: expect.objectContaining({ length: 3 }) }),
    );
    expect(() => parseTokenFile(text)).not.toThrowError(/secret|short/);
  });
});

describe("health and reflection", () => {
  test("answer for the server and each service", async () => {
    const server = await start({});
    const names = ["", "qtune.simulator.v1.SimulatorService"];
    for (const name of names) expect(await checkHealth(server, name)).toBe(1);
    server.setHealth("NOT_SERVING");
    for (const name of names) expect(await checkHealth(server, name)).toBe(2);
  });

  test("list the hosted services, and no others", async () => {
    const server = await start({});
    const channel = connectTo(server);
    // ListServices of grpc.reflection.v1: field 7, an empty string.
    const method = rawMethod("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo");
    const got: Buffer[] = [];
    for await (const each of channel.duplex(method, [Buffer.from([0x3a, 0x00])])) got.push(each);
    const text = Buffer.concat(got).toString("latin1");
    expect(text).toContain("qtune.simulator.v1.SimulatorService");
    expect(text).not.toContain(layerV1.QuantumLayerServiceService.getLayer.path.split("/")[1]);
  });
});

function rawMethod(path: string) {
  const pass = (value: Buffer): Buffer => value;
  return {
    path,
    requestStream: true,
    responseStream: true,
    requestSerialize: pass,
    requestDeserialize: pass,
    responseSerialize: pass,
    responseDeserialize: pass,
  } as const;
}

async function checkHealth(server: RpcServer, service: string): Promise<number> {
  const client = new Client(server.address, ChannelCredentials.createInsecure());
  try {
    const request = Buffer.concat([Buffer.from([0x0a, service.length]), Buffer.from(service)]);
    return await new Promise<number>((resolve, reject) => {
      const pass = (value: Buffer): Buffer => value;
      client.makeUnaryRequest(
        "/grpc.health.v1.Health/Check",
        pass,
        pass,
        request,
        (error, response) => {
          if (error !== null) reject(error);
          else resolve(response?.at(1) ?? 0); // field 1, the status
        },
      );
    });
  } finally {
    client.close();
  }
}

test("a port that is taken is said so", async () => {
  const server = await start({});
  const second = createServer({ services: [], listen: server.address });
  await expect(second).rejects.toMatchObject({ code: "unavailable", where: "listen" });
});

test("closing lets a running call end and cancels it after the grace time", async () => {
  const arrived = Promise.withResolvers<void>();
  const server = await start({
    describe: async (_, { signal }) => {
      arrived.resolve();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      throw signal.reason;
    },
  });
  const call = clientOf(connectTo(server)).describe(describeRequest, { retry: { attempts: 1 } });
  const settled = expect(call).rejects.toMatchObject({ code: "unavailable" });
  await arrived.promise;
  await server.close({ graceMs: 50 });
  await settled;
});
