/** Quantum layers as a service, over Float64Array instead of tensor messages. */
import { randomUUID } from "node:crypto";
import type { Abortable } from "@qtune/base";
import type { ExecutionUsage } from "@qtune/circuit";
import { type circuitV1, layerV1 } from "@qtune/contracts";
import { usageFromWire } from "../convert/execution.ts";
import { tensorFromWire, tensorToWire } from "../convert/tensor.ts";
import { type Channel, type ChannelOptions, createChannel } from "./channel.ts";
import { type ServiceClient, createServiceClient } from "./service-client.ts";

/** A layer that a service keeps. Shapes: inputs [T, n], weights [P], outputs [T, K]. */
export interface RemoteLayer {
  /** `layers/{layer}`. */
  readonly name: string;
  /** n, inputs per token. */
  readonly inputs: number;
  /** P, weights. */
  readonly weights: number;
  /** K, outputs per token. */
  readonly outputs: number;
  forward(
    inputs: Float64Array,
    weights: Float64Array,
    options?: Abortable,
  ): Promise<{ outputs: Float64Array; usage: ExecutionUsage }>;
  /** Pulls a gradient [T, K] back to inputs [T, n] and weights [P]. */
  backward(
    call: LayerBackward,
    options?: Abortable,
  ): Promise<{ inputs: Float64Array; weights: Float64Array; usage: ExecutionUsage }>;
  /** Makes the service forget it. */
  delete(): Promise<void>;
}

/** What a pull-back needs: the service keeps no activations. */
export interface LayerBackward {
  readonly inputs: Float64Array;
  readonly weights: Float64Array;
  readonly outputGradient: Float64Array;
}

/** A layer service. */
export interface LayerClient {
  /** Every method of QuantumLayerService over messages. */
  readonly service: ServiceClient<typeof layerV1.QuantumLayerServiceService>;
  readonly channel: Channel;
  create(
    spec: Parameters<typeof layerV1.LayerSpec.fromPartial>[0],
    options?: Abortable,
  ): Promise<RemoteLayer>;
  close(): void;
}

/** Creates the client of a layer service. Errors: invalid_argument for a bad target. */
export function createLayerClient(options: ChannelOptions): LayerClient {
  const channel = createChannel(options);
  const service = createServiceClient(layerV1.QuantumLayerServiceService, channel);
  return {
    service,
    channel,
    create: async (spec, { signal } = {}) => {
      const request = layerV1.CreateLayerRequest.fromPartial({
        layer: { spec },
        requestId: randomUUID(),
      });
      return remoteLayer(service, await service.createLayer(request, { signal }));
    },
    close: () => channel.close(),
  };
}

function remoteLayer(service: LayerClient["service"], layer: layerV1.Layer): RemoteLayer {
  const { name, inputs: n, outputs: K, weights: P } = layer;
  const rows = (values: Float64Array, width: number): circuitV1.Tensor =>
    tensorToWire(values, [values.length / width, width]);
  return {
    name,
    inputs: n,
    weights: P,
    outputs: K,
    forward: async (inputs, weights, { signal } = {}) => {
      const request = {
        name,
        inputs: rows(inputs, n),
        weights: tensorToWire(weights, [P]),
        requestId: "",
      };
      const response = await service.forward(request, { signal });
      return {
        outputs: tensorFromWire(response.outputs, "outputs").values,
        usage: usageFromWire(response.usage),
      };
    },
    backward: async ({ inputs, weights, outputGradient }, { signal } = {}) => {
      const request = {
        name,
        inputs: rows(inputs, n),
        weights: tensorToWire(weights, [P]),
        outputGradient: rows(outputGradient, K),
        requestId: "",
      };
      const response = await service.backward(request, { signal });
      return {
        inputs: tensorFromWire(response.inputGradient, "input_gradient").values,
        weights: tensorFromWire(response.weightGradient, "weight_gradient").values,
        usage: usageFromWire(response.usage),
      };
    },
    delete: async () => {
      await service.deleteLayer({ name });
    },
  };
}
