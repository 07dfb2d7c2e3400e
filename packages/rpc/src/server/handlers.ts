/**
 * What a service of ours looks like: plain functions over messages, a promise for one answer, an async iterable for
 * many. The types come from the generated service definition, so a handler with a wrong message does not compile.
 */
import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";
import type { Principal } from "./auth.ts";

/** What a handler knows about its call. */
export interface CallContext {
  /** Fires when the caller cancels, leaves, or its deadline passes, and when the server stops at once. */
  readonly signal: AbortSignal;
  /** Who calls. */
  readonly principal: Principal;
  /** Full name of the method, e.g. `/qtune.device.v1.DeviceService/GetDevice`. */
  readonly method: string;
  /** Milliseconds since the epoch when the caller gives up. Absent: never. */
  readonly deadlineMs?: number;
  /** First value of a metadata key that the client sent. */
  metadata(key: string): string | undefined;
}

/** A generated method: what ts-proto writes for grpc-js. */
export interface AnyMethod {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  // The message types differ per method; RequestOf and ResponseOf take them out again.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly requestSerialize: (value: any) => Buffer;
  readonly requestDeserialize: (value: Buffer) => unknown;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly responseSerialize: (value: any) => Buffer;
  readonly responseDeserialize: (value: Buffer) => unknown;
}

/** A generated service definition. */
export type AnyService = Readonly<Record<string, AnyMethod>>;

/** Message that a method takes. */
export type RequestOf<M> = M extends { requestDeserialize: (value: Buffer) => infer T } ? T : never;

/** Message that a method gives. */
export type ResponseOf<M> = M extends { responseDeserialize: (value: Buffer) => infer T }
  ? T
  : never;

/** Handler of one method, by its shape. */
export type HandlerOf<M> = M extends { requestStream: true; responseStream: true }
  ? (requests: AsyncIterable<RequestOf<M>>, context: CallContext) => AsyncIterable<ResponseOf<M>>
  : M extends { requestStream: true }
    ? (requests: AsyncIterable<RequestOf<M>>, context: CallContext) => Promise<ResponseOf<M>>
    : M extends { responseStream: true }
      ? (request: RequestOf<M>, context: CallContext) => AsyncIterable<ResponseOf<M>>
      : (request: RequestOf<M>, context: CallContext) => Promise<ResponseOf<M>>;

/** Handlers of a service; a method without one answers UNIMPLEMENTED. */
export type ServiceHandlers<D> = { readonly [K in keyof D]?: HandlerOf<D[K]> };

/** A service with its handlers, ready for a server. */
export interface HostedService {
  /** Full name, e.g. `qtune.device.v1.DeviceService`. */
  readonly name: string;
  readonly definition: AnyService;
  readonly handlers: Readonly<Record<string, AnyHandler | undefined>>;
}

// Handlers differ in type per method; hostService has checked them against their definition.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
export type AnyHandler = (request: any, context: CallContext) => unknown;

/**
 * Joins a generated service definition with its handlers.
 *
 * @example
 * hostService(deviceV1.DeviceServiceService, { getDevice: async ({ name }) => findDevice(name) });
 */
export function hostService<const D extends AnyService>(
  definition: D,
  handlers: ServiceHandlers<D>,
): HostedService {
  const [first] = Object.values(definition);
  return {
    name: first?.path.split("/")[1] ?? "",
    definition,
    handlers: handlers as Readonly<Record<string, AnyHandler | undefined>>, // see AnyHandler
  };
}

/** Returns the definition in the type that grpc-js wants. */
export function grpcDefinition(service: AnyService): ServiceDefinition {
  return service as unknown as Record<string, MethodDefinition<unknown, unknown>>; // same fields, wider message types
}
