import type { AnyMethod, AnyService, RequestOf, ResponseOf } from "../server/handlers.ts";
import type { CallOptions, Channel } from "./channel.ts";

/** One method of a service as a function. */
export type MethodCall<M> = M extends { requestStream: true; responseStream: true }
  ? (
      requests: AsyncIterable<RequestOf<M>> | Iterable<RequestOf<M>>,
      options?: CallOptions,
    ) => AsyncIterable<ResponseOf<M>>
  : M extends { requestStream: true }
    ? (
        requests: () => AsyncIterable<RequestOf<M>> | Iterable<RequestOf<M>>,
        options?: CallOptions,
      ) => Promise<ResponseOf<M>>
    : M extends { responseStream: true }
      ? (request: RequestOf<M>, options?: CallOptions) => AsyncIterable<ResponseOf<M>>
      : (request: RequestOf<M>, options?: CallOptions) => Promise<ResponseOf<M>>;

/** A service as functions over whole messages; build requests with `fromPartial` of the message. */
export type ServiceClient<D> = { readonly [K in keyof D]: MethodCall<D[K]> };

/**
 * Creates the plain client of a generated service definition over a channel.
 *
 * @example
 * const device = createServiceClient(deviceV1.DeviceServiceService, createChannel({ target: "127.0.0.1:7272" }));
 * await device.listDevices(deviceV1.ListDevicesRequest.fromPartial({}));
 */
export function createServiceClient<const D extends AnyService>(
  definition: D,
  channel: Channel,
): ServiceClient<D> {
  const methods = Object.entries(definition).map(
    ([name, method]) => [name, callOf(method, channel)] as const,
  );
  return Object.fromEntries(methods) as unknown as ServiceClient<D>; // one function per method, by its shape
}

function callOf(method: AnyMethod, channel: Channel): unknown {
  if (method.requestStream && method.responseStream) {
    return (requests: Iterable<never>, options?: CallOptions) =>
      channel.duplex(method, requests, options);
  }
  if (method.requestStream) {
    return (requests: () => Iterable<never>, options?: CallOptions) =>
      channel.clientStream(method, requests, options);
  }
  if (method.responseStream) {
    return (request: never, options?: CallOptions) =>
      channel.serverStream(method, request, options);
  }
  return (request: never, options?: CallOptions) => channel.unary(method, request, options);
}
