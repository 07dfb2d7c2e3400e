import { layerV1 } from "@qtune/contracts";
import { createChannel, createServer, hostService, tensorFromWire, tensorToWire } from "@qtune/rpc";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createExecutorPool } from "../executors.ts";
import { createLayerHandlers } from "./layer-handlers.ts";

const service = layerV1.QuantumLayerServiceService;
const executors = createExecutorPool({ targets: [] });
let server: Awaited<ReturnType<typeof createServer>>;
let channel: ReturnType<typeof createChannel>;

beforeAll(async () => {
  server = await createServer({ services: [hostService(service, createLayerHandlers(executors))] });
  channel = createChannel({ target: server.address });
});
afterAll(async () => {
  channel.close();
  await server.close();
  await executors.close();
});

function ring(change: Partial<layerV1.LayerSpec> = {}): layerV1.CreateLayerRequest {
  const circuit = { $case: "ring" as const, value: { qubits: 4, layers: 1, path: false } };
  return layerV1.CreateLayerRequest.fromPartial({ layer: { spec: { circuit, ...change } } });
}

test("a layer over gRPC gives values and gradients that agree with central differences", async () => {
  const layer = await channel.unary(service.createLayer, ring());
  expect(layer).toMatchObject({ inputs: 4, weights: 16, outputs: 4 });
  const inputs = Float64Array.from({ length: 8 }, (_, i) => Math.sin(i));
  const weights = Float64Array.from({ length: 16 }, (_, i) => Math.cos(2 * i));
  const value = async (x: Float64Array): Promise<number> => {
    const request = {
      name: layer.name,
      inputs: tensorToWire(x, [2, 4]),
      weights: tensorToWire(weights, [16]),
      requestId: "",
    };
    const { outputs } = await channel.unary(service.forward, request);
    return tensorFromWire(outputs, "outputs").values.reduce((sum, z) => sum + z, 0);
  };
  const { inputGradient } = await channel.unary(service.backward, {
    name: layer.name,
    inputs: tensorToWire(inputs, [2, 4]),
    weights: tensorToWire(weights, [16]),
    outputGradient: tensorToWire(new Float64Array(8).fill(1), [2, 4]),
    requestId: "",
  });
  const gradient = tensorFromWire(inputGradient, "gradient").values;
  const h = 1e-2; // float32 values behind: a wide step, compared loosely
  for (const index of [0, 5]) {
    const moved = (by: number): Float64Array => inputs.map((x, i) => (i === index ? x + by : x));
    const difference = ((await value(moved(h))) - (await value(moved(-h)))) / (2 * h);
    expect(gradient[index]).toBeCloseTo(difference, 3);
  }
});

test("wrong shapes, unknown layers and foreign executors are refused with what was expected", async () => {
  const layer = await channel.unary(service.createLayer, ring());
  const weights = tensorToWire(new Float64Array(16), [16]);
  const wrong = {
    name: layer.name,
    inputs: tensorToWire(new Float64Array(6), [2, 3]),
    weights,
    requestId: "",
  };
  await expect(channel.unary(service.forward, wrong)).rejects.toMatchObject({
    code: "invalid_argument",
    message: expect.stringMatching(/\[2, 4\].*\[2, 3\]/),
  });
  await expect(channel.unary(service.getLayer, { name: "layers/none" })).rejects.toMatchObject({
    code: "not_found",
  });
  await expect(
    channel.unary(service.createLayer, ring({ executor: "grpc://192.0.2.1:1/devices/x" })),
  ).rejects.toMatchObject({ code: "permission_denied" });
});

test("a retry with the same request id returns the first layer, another body is refused", async () => {
  const request = { ...ring(), requestId: "a2f1a5f0-0000-4000-8000-000000000001" };
  const first = await channel.unary(service.createLayer, request);
  expect((await channel.unary(service.createLayer, request)).name).toBe(first.name);
  await expect(
    channel.unary(service.createLayer, { ...ring({ shots: 100 }), requestId: request.requestId }),
  ).rejects.toMatchObject({ code: "already_exists" });
});
