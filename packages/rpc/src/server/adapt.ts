/**
 * Wraps plain handlers for grpc-js, one function per shape of call. What they share: the caller is authenticated and
 * authorised before its message is looked at, a malformed message is INVALID_ARGUMENT, the signal fires when the caller
 * leaves or its deadline passes, streams feel back pressure, and errors leave through status.ts.
 */
import type { EventEmitter } from "node:events";
import {
  type Metadata,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type UntypedHandleCall,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { QtuneError, codeFromGrpc } from "@qtune/base";
import { toWireStatus } from "../status.ts";
import type { Principal } from "./auth.ts";
import type { AnyHandler, AnyMethod, CallContext } from "./handlers.ts";

/** One finished call, for metrics and logs. Holds neither messages nor metadata. */
export interface CallRecord {
  readonly method: string;
  readonly principal: string;
  /** `ok` or a code of base. */
  readonly code: string;
  readonly durationMs: number;
}

/** What the wrappers need from the server. */
export interface CallHooks {
  /** Finds out who calls and checks what they may do. Errors: unauthenticated, permission_denied. */
  readonly admit: (call: ServerCall, method: string) => Principal;
  /** Fires when the server stops at once. */
  readonly stopping: AbortSignal;
  readonly onCall: (record: CallRecord) => void;
  /** Receives errors that leave as `internal`, with what led to them. */
  readonly onError: (error: unknown, method: string) => void;
}

type Unary = ServerUnaryCall<unknown, unknown>;
type ServerStream = ServerWritableStream<unknown, unknown>;
type ClientStream = ServerReadableStream<unknown, unknown>;
type Duplex = ServerDuplexStream<unknown, unknown>;
/** What all four kinds of calls share. */
export type ServerCall = Unary | ServerStream | ClientStream | Duplex;

/** Stands for a message that could not be decoded; the handler's wrapper refuses it. */
class MalformedMessage {
  readonly cause: unknown;

  constructor(cause: unknown) {
    this.cause = cause;
  }
}

/** Returns the method with a decoder that never throws inside grpc-js, which would answer INTERNAL. */
export function tolerantMethod(method: AnyMethod): AnyMethod {
  return {
    ...method,
    requestDeserialize: (bytes) => {
      try {
        return method.requestDeserialize(bytes);
      } catch (error) {
        return new MalformedMessage(error);
      }
    },
  };
}

function checkMessage(message: unknown): unknown {
  if (!(message instanceof MalformedMessage)) return message;
  throw new QtuneError("invalid_argument", "the message is not valid protobuf of its type", {
    where: "request",
    cause: message.cause,
  });
}

/** Returns a grpc-js handler for a method. */
export function adaptHandler(
  method: AnyMethod,
  handler: AnyHandler,
  hooks: CallHooks,
): UntypedHandleCall {
  if (method.requestStream && method.responseStream) {
    return (call: Duplex) =>
      void serve(call, method, hooks, (context) =>
        writeAll(call, handler(readAll(call, context), context), context),
      );
  }
  if (method.requestStream) {
    return (call: ClientStream, callback: sendUnaryData<unknown>) =>
      void serve(
        call,
        method,
        hooks,
        async (context) => callback(null, await handler(readAll(call, context), context)),
        callback,
      );
  }
  if (method.responseStream) {
    return (call: ServerStream) =>
      void serve(call, method, hooks, (context) =>
        writeAll(call, handler(checkMessage(call.request), context), context),
      );
  }
  return (call: Unary, callback: sendUnaryData<unknown>) =>
    void serve(
      call,
      method,
      hooks,
      async (context) => callback(null, await handler(checkMessage(call.request), context)),
      callback,
    );
}

async function serve(
  call: ServerCall,
  method: AnyMethod,
  hooks: CallHooks,
  run: (context: CallContext) => Promise<void>,
  callback?: sendUnaryData<unknown>,
): Promise<void> {
  const startMs = performance.now();
  let principal = "";
  let code = "ok";
  try {
    const admitted = hooks.admit(call, method.path);
    principal = admitted.name;
    await run(createContext(call, method, admitted, hooks.stopping));
  } catch (error) {
    const status = toWireStatus(error);
    code = codeFromGrpc(status.code);
    if (code === "internal") hooks.onError(error, method.path);
    if (callback !== undefined) callback(status);
    else call.emit("error", status);
  }
  hooks.onCall({ method: method.path, principal, code, durationMs: performance.now() - startMs });
}

function createContext(
  call: ServerCall,
  method: AnyMethod,
  principal: Principal,
  stopping: AbortSignal,
): CallContext {
  const deadlineMs = toMilliseconds(call.getDeadline());
  return {
    signal: AbortSignal.any([cancelSignal(call, deadlineMs), stopping]),
    principal,
    method: method.path,
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    metadata: (key) => firstText(call.metadata, key),
  };
}

function cancelSignal(call: ServerCall, deadlineMs: number | undefined): AbortSignal {
  const controller = new AbortController();
  const abort = (): void => {
    const late = deadlineMs !== undefined && Date.now() >= deadlineMs - 1;
    controller.abort(
      late
        ? new QtuneError("deadline_exceeded", "the caller's deadline passed")
        : new QtuneError("cancelled", "the caller cancelled or left"),
    );
  };
  if (call.cancelled) abort();
  (call as EventEmitter).once("cancelled", abort); // the four kinds overload `once` differently
  return controller.signal;
}

function toMilliseconds(deadline: Date | number): number | undefined {
  const value = Number(deadline);
  return Number.isFinite(value) ? value : undefined;
}

/** Returns the first value of a metadata key, when it is text. */
export function firstText(metadata: Metadata, key: string): string | undefined {
  const [value] = metadata.get(key);
  return typeof value === "string" ? value : undefined;
}

async function* readAll(call: ClientStream | Duplex, context: CallContext): AsyncIterable<unknown> {
  try {
    for await (const message of call) yield checkMessage(message);
  } catch (error) {
    if (context.signal.aborted) throw context.signal.reason;
    throw error;
  }
  context.signal.throwIfAborted(); // a caller that left ends its stream too; what it sent is not a whole request
}

async function writeAll(
  call: ServerStream | Duplex,
  messages: unknown,
  context: CallContext,
): Promise<void> {
  for await (const message of messages as AsyncIterable<unknown>) {
    // the shape of the handler says so
    context.signal.throwIfAborted();
    if (!call.write(message)) await drained(call, context.signal);
  }
  context.signal.throwIfAborted();
  call.end();
}

/** Waits until a slow reader has taken what was written. */
async function drained(call: ServerStream | Duplex, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const onDrain = (): void => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    };
    const onAbort = (): void => {
      call.off("drain", onDrain);
      reject(signal.reason);
    };
    call.once("drain", onDrain);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
