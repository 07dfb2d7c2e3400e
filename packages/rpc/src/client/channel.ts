/**
 * A connection to a service of ours, and calls over it: a deadline on every call, retries where the answer was
 * UNAVAILABLE (or RESOURCE_EXHAUSTED with a delay), errors with their details. grpc-js commits a request above 1 MiB and
 * then never retries it, so retries are made here; request ids and sequence numbers make them safe.
 */
import {
  type CallOptions as GrpcCallOptions,
  type ClientReadableStream,
  Client,
  type ClientWritableStream,
  ChannelCredentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { type Abortable, QtuneError, abortError, sleep, throwIfAborted } from "@qtune/base";
import { defaultDeadlineMs, messageLimits } from "../limits.ts";
import type { AnyMethod, RequestOf, ResponseOf } from "../server/handlers.ts";
import { fromServiceError } from "../status.ts";
import { parseTarget } from "./target.ts";

/** Options of {@link createChannel}. */
export interface ChannelOptions {
  /** `host:port`, `grpc://…` or `grpcs://…`. */
  readonly target: string;
  /** Sent as `authorization: Bearer …`. */
  readonly token?: string;
  /** Certificates as PEM; `grpcs` without them trusts the system's authorities. */
  readonly tls?: ClientTls;
  /** Deadline of calls that give none. Default 60,000. */
  readonly deadlineMs?: number;
  readonly retry?: RetryPolicy;
}

/** Certificates of a client as PEM text. */
export interface ClientTls {
  /** Authority that signed the server. Absent: the system's. */
  readonly authority?: string;
  /** Certificate of this client, for mTLS; with its key. */
  readonly certificate?: string;
  readonly privateKey?: string;
  /** Name in the server's certificate where it differs from the host. */
  readonly serverName?: string;
}

/** How often and how fast a failed call is tried again. */
export interface RetryPolicy {
  /** Attempts in all. Default 5; 1 never retries. */
  readonly attempts?: number;
  /** Wait before the second attempt; doubles each time. Default 100. */
  readonly firstDelayMs?: number;
  /** Longest wait. Default 5,000. */
  readonly maxDelayMs?: number;
}

/** Options of one call. */
export interface CallOptions extends Abortable {
  /** Default: that of the channel. `Infinity`: none, for watch streams. */
  readonly deadlineMs?: number;
  readonly retry?: RetryPolicy;
}

/** A connection that calls share. */
export interface Channel {
  /** `grpc://host:port` or `grpcs://host:port`. */
  readonly target: string;
  unary<M extends AnyMethod>(
    method: M,
    request: RequestOf<M>,
    options?: CallOptions,
  ): Promise<ResponseOf<M>>;
  /** Yields what the server sends. Ending the loop early cancels the call. Not retried: watchers go on by cursor. */
  serverStream<M extends AnyMethod>(
    method: M,
    request: RequestOf<M>,
    options?: CallOptions,
  ): AsyncIterable<ResponseOf<M>>;
  /** Sends all of `requests`, then waits for the answer; `requests` is called again for each attempt. */
  clientStream<M extends AnyMethod>(
    method: M,
    requests: () => AsyncIterable<RequestOf<M>> | Iterable<RequestOf<M>>,
    options?: CallOptions,
  ): Promise<ResponseOf<M>>;
  /** Sends `requests` while it yields what the server sends. */
  duplex<M extends AnyMethod>(
    method: M,
    requests: AsyncIterable<RequestOf<M>> | Iterable<RequestOf<M>>,
    options?: CallOptions,
  ): AsyncIterable<ResponseOf<M>>;
  /** Waits until the server answers. Errors: deadline_exceeded. */
  waitForReady(deadlineMs: number): Promise<void>;
  close(): void;
}

/** Creates a channel; it connects when the first call is made. Errors: invalid_argument for a bad target. */
export function createChannel(options: ChannelOptions): Channel {
  return new GrpcChannel(options);
}

class GrpcChannel implements Channel {
  readonly target: string;
  readonly #client: Client;
  readonly #options: ChannelOptions;

  constructor(options: ChannelOptions) {
    const target = parseTarget(options.target);
    const secure = target.secure || options.tls !== undefined;
    this.target = `${secure ? "grpcs" : "grpc"}://${target.address}`;
    this.#options = options;
    this.#client = new Client(target.address, createCredentials(secure, options.tls), {
      "grpc.max_receive_message_length": messageLimits.maxMessageBytes,
      "grpc.max_send_message_length": messageLimits.maxMessageBytes,
      "grpc.keepalive_time_ms": 90_000,
      "grpc.keepalive_timeout_ms": 20_000,
      // A daemon that is started again should be found within seconds, not after grpc-js's default two minutes.
      "grpc.initial_reconnect_backoff_ms": 200,
      "grpc.max_reconnect_backoff_ms": 2000,
      "grpc.enable_retries": 0,
      ...(options.tls?.serverName === undefined
        ? {}
        : { "grpc.ssl_target_name_override": options.tls.serverName }),
    });
  }

  async unary<M extends AnyMethod>(
    method: M,
    request: RequestOf<M>,
    options: CallOptions = {},
  ): Promise<ResponseOf<M>> {
    return this.#withRetries(options, (call) => this.#unaryOnce(method, request, call));
  }

  async clientStream<M extends AnyMethod>(
    method: M,
    requests: () => AsyncIterable<RequestOf<M>> | Iterable<RequestOf<M>>,
    options: CallOptions = {},
  ): Promise<ResponseOf<M>> {
    return this.#withRetries(options, (call) => this.#clientStreamOnce(method, requests(), call));
  }

  serverStream<M extends AnyMethod>(
    method: M,
    request: RequestOf<M>,
    options: CallOptions = {},
  ): AsyncIterable<ResponseOf<M>> {
    return readStream(options.signal, () =>
      this.#client.makeServerStreamRequest(
        method.path,
        method.requestSerialize,
        deserializer(method),
        request,
        this.#metadata(),
        this.#grpcOptions(options),
      ),
    );
  }

  duplex<M extends AnyMethod>(
    method: M,
    requests: AsyncIterable<RequestOf<M>> | Iterable<RequestOf<M>>,
    options: CallOptions = {},
  ): AsyncIterable<ResponseOf<M>> {
    return readStream(options.signal, () => {
      const call = this.#client.makeBidiStreamRequest(
        method.path,
        method.requestSerialize,
        deserializer(method),
        this.#metadata(),
        this.#grpcOptions(options),
      );
      writeRequests(call as unknown as ClientWritableStream<unknown>, requests).catch(
        (error: unknown) => call.destroy(QtuneError.from(error)),
      );
      return call;
    });
  }

  async waitForReady(deadlineMs: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#client.waitForReady(Date.now() + deadlineMs, (error) => {
        if (error === undefined) return resolve();
        reject(
          new QtuneError(
            "deadline_exceeded",
            `nothing answered at ${this.target} within ${deadlineMs} ms`,
            { cause: error },
          ),
        );
      });
    });
  }

  close(): void {
    this.#client.close();
  }

  #unaryOnce<M extends AnyMethod>(
    method: M,
    request: RequestOf<M>,
    options: CallOptions,
  ): Promise<ResponseOf<M>> {
    return callbackCall(options.signal, (callback) =>
      this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        deserializer(method),
        request,
        this.#metadata(),
        this.#grpcOptions(options),
        callback,
      ),
    );
  }

  #clientStreamOnce<M extends AnyMethod>(
    method: M,
    requests: AsyncIterable<RequestOf<M>> | Iterable<RequestOf<M>>,
    options: CallOptions,
  ): Promise<ResponseOf<M>> {
    return callbackCall(options.signal, (callback) => {
      const call = this.#client.makeClientStreamRequest(
        method.path,
        method.requestSerialize,
        deserializer(method),
        this.#metadata(),
        this.#grpcOptions(options),
        callback,
      );
      writeRequests(call, requests).catch(() => call.cancel());
      return call;
    });
  }

  #metadata(): Metadata {
    const metadata = new Metadata();
    if (this.#options.token !== undefined)
      metadata.set("authorization", `Bearer ${this.#options.token}`);
    return metadata;
  }

  #grpcOptions(options: CallOptions): GrpcCallOptions {
    const deadlineMs = options.deadlineMs ?? this.#options.deadlineMs ?? defaultDeadlineMs;
    return Number.isFinite(deadlineMs) ? { deadline: Date.now() + deadlineMs } : {};
  }

  /** Retries share the deadline of the call: each attempt gets what is left. */
  async #withRetries<T>(
    options: CallOptions,
    attempt: (options: CallOptions) => Promise<T>,
  ): Promise<T> {
    const policy = {
      attempts: 5,
      firstDelayMs: 100,
      maxDelayMs: 5000,
      ...this.#options.retry,
      ...options.retry,
    };
    const deadlineMs = options.deadlineMs ?? this.#options.deadlineMs ?? defaultDeadlineMs;
    const endMs = Date.now() + deadlineMs;
    for (let tried = 1; ; tried++) {
      try {
        return await attempt({ ...options, deadlineMs: Math.max(1, endMs - Date.now()) });
      } catch (error) {
        const waitMs = retryDelayMs(QtuneError.from(error), policy, tried);
        if (waitMs === undefined || Date.now() + waitMs >= endMs) throw error;
        await sleep(waitMs, { signal: options.signal });
      }
    }
  }
}

/** Returns how long to wait before the next attempt, or nothing when the error is final. */
function retryDelayMs(
  error: QtuneError,
  policy: Required<RetryPolicy>,
  tried: number,
): number | undefined {
  const asked = error.details["retryDelayMs"];
  const mayRetry =
    error.code === "unavailable" ||
    (error.code === "resource_exhausted" && typeof asked === "number");
  if (!mayRetry || tried >= policy.attempts) return undefined;
  if (typeof asked === "number") return asked;
  return Math.min(policy.maxDelayMs, policy.firstDelayMs * 2 ** (tried - 1));
}

/** grpc-js's deserialisers throw plain errors inside the stream; ours give the message type back. */
function deserializer<M extends AnyMethod>(method: M): (bytes: Buffer) => ResponseOf<M> {
  return (bytes) => method.responseDeserialize(bytes) as ResponseOf<M>; // the generated decoder of this method
}

function createCredentials(secure: boolean, tls: ClientTls | undefined): ChannelCredentials {
  if (!secure) return ChannelCredentials.createInsecure();
  const pem = (text: string | undefined): Buffer | null =>
    text === undefined ? null : Buffer.from(text);
  return ChannelCredentials.createSsl(
    pem(tls?.authority),
    pem(tls?.privateKey),
    pem(tls?.certificate),
  );
}

async function callbackCall<T>(
  signal: AbortSignal | undefined,
  start: (callback: (error: ServiceError | null, response?: T) => void) => { cancel(): void },
): Promise<T> {
  throwIfAborted(signal);
  return new Promise<T>((resolve, reject) => {
    const call = start((error, response) => {
      signal?.removeEventListener("abort", onAbort);
      if (error !== null) reject(signal?.aborted ? abortError(signal) : fromServiceError(error));
      else resolve(response as T); // grpc-js gives a response when there is no error
    });
    function onAbort(): void {
      call.cancel();
    }
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

async function* readStream<T>(
  signal: AbortSignal | undefined,
  start: () => Pick<ClientReadableStream<T>, "cancel"> & AsyncIterable<unknown>,
): AsyncGenerator<T> {
  throwIfAborted(signal);
  const call = start();
  const onAbort = (): void => call.cancel();
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    for await (const message of call) yield message as T; // decoded by the method's own decoder
  } catch (error) {
    if (signal?.aborted) throw abortError(signal);
    throw isServiceError(error) ? fromServiceError(error) : error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
    call.cancel(); // does nothing when the stream has ended
  }
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && typeof (error as Partial<ServiceError>).code === "number";
}

async function writeRequests(
  call: ClientWritableStream<unknown>,
  requests: AsyncIterable<unknown> | Iterable<unknown>,
): Promise<void> {
  let closed = false;
  call.once("error", () => (closed = true));
  for await (const request of requests) {
    if (closed) return;
    if (!call.write(request))
      await Promise.race([once(call, "drain"), once(call, "close"), once(call, "error")]);
  }
  call.end();
}

async function once(call: ClientWritableStream<unknown>, event: string): Promise<void> {
  await new Promise<void>((resolve) => call.once(event, () => resolve()));
}
