import { randomUUID } from "node:crypto";
import { QtuneError } from "@qtune/base";
import { type circuitV1, layerV1 } from "@qtune/contracts";
import { type GradientMethod, type QuantumLayer, createQuantumLayer } from "@qtune/quantum-layer";
import {
  type RealTensor,
  type ServiceHandlers,
  tensorFromWire,
  tensorToWire,
  usageToWire,
} from "@qtune/rpc";
import type { ExecutorChoice, ExecutorPool } from "../executors.ts";
import { pageSize } from "./names.ts";

type Handlers = ServiceHandlers<typeof layerV1.QuantumLayerServiceService>;

/** A layer is forgotten this long after its last use. */
const keptMs = 7 * 86_400_000;
const maxLayers = 10_000;
const maxQubits = 16;

interface StoredLayer {
  readonly message: layerV1.Layer;
  readonly layer: QuantumLayer;
  readonly owner: string;
  readonly requestBody: string;
  usedAt: number;
  /** Numbers the calls, so that each draws its own shots. */
  calls: number;
}

const methods: Readonly<Record<number, GradientMethod | undefined>> = {
  [layerV1.GradientMethod.GRADIENT_METHOD_ADJOINT]: "adjoint",
  [layerV1.GradientMethod.GRADIENT_METHOD_PARAMETER_SHIFT]: "parameter-shift",
  [layerV1.GradientMethod.GRADIENT_METHOD_SPSA]: "spsa",
  [layerV1.GradientMethod.GRADIENT_METHOD_FINITE_DIFFERENCE]: "finite-difference",
};

/** Creates the handlers of QuantumLayerService. Layers live in memory: they hold no training state and are cheap to create again. */
export function createLayerHandlers(executors: ExecutorPool): Handlers {
  const layers = new Map<string, StoredLayer>();
  const byRequest = new Map<string, string>();

  const find = (name: string, owner: string): StoredLayer => {
    const stored = layers.get(name);
    if (stored === undefined || stored.owner !== owner)
      throw new QtuneError(
        "not_found",
        "no such layer; it may have expired or the daemon was restarted: create it again",
        { where: name },
      );
    stored.usedAt = Date.now();
    return stored;
  };
  const evict = (): void => {
    for (const [name, stored] of layers) {
      if (stored.usedAt + keptMs < Date.now()) layers.delete(name);
    }
  };

  return {
    createLayer: async ({ layer, requestId }, { principal }) => {
      evict();
      const spec = layer?.spec;
      if (spec === undefined)
        throw new QtuneError("invalid_argument", "expected a layer spec but none was given", {
          where: "layer.spec",
        });
      const body = Buffer.from(layerV1.LayerSpec.encode(spec).finish()).toString("base64");
      const requestKey = `${principal.name}/${requestId}`;
      const known = requestId === "" ? undefined : layers.get(byRequest.get(requestKey) ?? "");
      if (known !== undefined) {
        if (known.requestBody !== body)
          throw new QtuneError(
            "already_exists",
            "this request id belongs to another layer; use a new id",
            { where: "request_id" },
          );
        return known.message;
      }
      if (layers.size >= maxLayers)
        throw new QtuneError(
          "resource_exhausted",
          `the daemon holds ${maxLayers} layers; delete some`,
          { where: "layer" },
        );
      const created = buildLayer(spec, executors);
      const name = `layers/${randomUUID()}`;
      const { n } = created.ansatz;
      const message = layerV1.Layer.fromPartial({
        name,
        spec,
        inputs: n,
        weights: created.weightCount,
        outputs: n,
        createTime: new Date(),
      });
      layers.set(name, {
        message,
        layer: created,
        owner: principal.name,
        requestBody: body,
        usedAt: Date.now(),
        calls: 0,
      });
      if (requestId !== "") byRequest.set(requestKey, name);
      return message;
    },
    getLayer: async ({ name }, { principal }) => withExpiry(find(name, principal.name)),
    listLayers: async ({ pageSize: size, pageToken }, { principal }) => {
      evict();
      const own = [...layers.values()]
        .filter((stored) => stored.owner === principal.name)
        .reverse();
      const start =
        pageToken === "" ? 0 : own.findIndex((stored) => stored.message.name === pageToken) + 1;
      const page = own.slice(start, start + pageSize(size));
      const isLast = start + page.length >= own.length;
      return {
        layers: page.map(withExpiry),
        nextPageToken: isLast ? "" : (page.at(-1)?.message.name ?? ""),
      };
    },
    deleteLayer: async ({ name }, { principal }) => {
      find(name, principal.name);
      layers.delete(name);
      return {};
    },
    forward: async ({ name, inputs, weights, requestId }, { principal, signal }) => {
      const stored = find(name, principal.name);
      const given = readValues(stored, inputs, weights);
      const { values, usage } = await stored.layer.forward(
        given.inputs.values,
        given.weights.values,
        { signal, label: callLabel(stored, requestId) },
      );
      return {
        outputs: tensorToWire(values, [given.T, stored.message.outputs], given.inputs.dataType),
        usage: usageToWire(usage),
      };
    },
    backward: async (
      { name, inputs, weights, outputGradient, requestId },
      { principal, signal },
    ) => {
      const stored = find(name, principal.name);
      const given = readValues(stored, inputs, weights);
      const cotangent = tensorFromWire(outputGradient, "output_gradient");
      requireShape(cotangent.shape, [given.T, stored.message.outputs], "output_gradient");
      const gradient = await stored.layer.backward(
        given.inputs.values,
        given.weights.values,
        cotangent.values,
        { signal, label: callLabel(stored, requestId) },
      );
      return {
        inputGradient: tensorToWire(gradient.inputs, given.inputs.shape, given.inputs.dataType),
        weightGradient: tensorToWire(gradient.weights, given.weights.shape, given.weights.dataType),
        usage: usageToWire(gradient.usage),
      };
    },
  };
}

function buildLayer(spec: layerV1.LayerSpec, executors: ExecutorPool): QuantumLayer {
  const circuit = spec.circuit;
  if (circuit === undefined)
    throw new QtuneError("invalid_argument", "expected ring or custom but neither was given", {
      where: "layer.spec.circuit",
    });
  if (circuit.$case === "custom") {
    throw new QtuneError(
      "unimplemented",
      "this version runs the ring ansatz only; SimulatorService runs and differentiates any circuit",
      { where: "layer.spec.custom" },
    );
  }
  const { qubits, layers, path } = circuit.value;
  if (qubits > maxQubits)
    throw new QtuneError(
      "out_of_range",
      `expected 2 to ${maxQubits} qubits but was given ${qubits}`,
      { where: "layer.spec.ring.qubits" },
    );
  const gradient = methods[spec.gradient];
  return createQuantumLayer({
    n: qubits,
    layers: layers ?? 1,
    ansatz: path ? "path" : "ring",
    executor: executors.open(executorChoice(spec.executor)),
    ...(gradient === undefined ? {} : { gradient }),
    ...(spec.shots === undefined ? {} : { shots: spec.shots }),
    ...(spec.seed === undefined ? {} : { seed: spec.seed }),
  });
}

/** `exact`, or `grpc://host:port/devices/name`, or empty for the exact simulator. */
function executorChoice(name: string): ExecutorChoice {
  if (name === "" || name === "exact") return { kind: "exact" };
  const match = /^(grpcs?:\/\/[^/]+)(?:\/devices\/(.+))?$/.exec(name);
  if (match?.[1] === undefined) {
    throw new QtuneError(
      "invalid_argument",
      `expected exact or grpc://host:port/devices/name but was given ${name}`,
      { where: "layer.spec.executor" },
    );
  }
  return { kind: "device", target: match[1], chip: match[2] };
}

function readValues(
  stored: StoredLayer,
  inputs: circuitV1.Tensor | undefined,
  weights: circuitV1.Tensor | undefined,
): { readonly inputs: RealTensor; readonly weights: RealTensor; readonly T: number } {
  const x = tensorFromWire(inputs, "inputs");
  const w = tensorFromWire(weights, "weights");
  const T = x.shape[0] ?? 0;
  requireShape(x.shape, [T, stored.message.inputs], "inputs");
  requireShape(w.shape, [stored.message.weights], "weights");
  return { inputs: x, weights: w, T };
}

function requireShape(given: readonly number[], expected: readonly number[], where: string): void {
  if (given.length === expected.length && given.every((dim, axis) => dim === expected[axis]))
    return;
  throw new QtuneError(
    "invalid_argument",
    `expected the shape [${expected.join(", ")}] but was given [${given.join(", ")}]`,
    { where },
  );
}

/** Names the randomness of a call: the request id where there is one, so that a retry draws the same shots. */
function callLabel(stored: StoredLayer, requestId: string): readonly (string | number)[] {
  if (requestId !== "") return ["request", requestId];
  stored.calls += 1;
  return ["call", stored.calls];
}

function withExpiry(stored: StoredLayer): layerV1.Layer {
  return { ...stored.message, expireTime: new Date(stored.usedAt + keptMs) };
}
