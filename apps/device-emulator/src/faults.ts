/**
 * Faults on purpose, so that clients can be tested against a service that misbehaves: calls that are refused as
 * unavailable, answers that come late, watch streams that break. Seeded, so a failing test fails again.
 */
import { type Random, QtuneError, createRandom, sleep } from "@qtune/base";
import type { HostedService } from "@qtune/rpc";

/** What goes wrong. Absent or 0: nothing. */
export interface Faults {
  /** Share of calls that are refused as unavailable, 0 to 1. */
  readonly unavailableRate?: number | undefined;
  /** Every call waits this long, milliseconds. */
  readonly latencyMs?: number | undefined;
  /** Streams break as unavailable after so many messages. */
  readonly breakStreamsAfter?: number | undefined;
  /** This chip job of every task batch fails. */
  readonly failJob?: number | undefined;
  /** Seed of what is random. Default 1. */
  readonly seed?: bigint | undefined;
}

/** Wraps the handlers of a service so that they fail as asked; returns it as it is when nothing is asked. */
export function withFaults(service: HostedService, faults: Faults): HostedService {
  const { unavailableRate = 0, latencyMs = 0, breakStreamsAfter = 0, seed = 1n } = faults;
  if (unavailableRate === 0 && latencyMs === 0 && breakStreamsAfter === 0) return service;
  const random = createRandom(seed, "faults", service.name);
  const before = async (signal: AbortSignal): Promise<void> => {
    if (latencyMs > 0) await sleep(latencyMs, { signal });
    failSometimes(random, unavailableRate);
  };
  const handlers = Object.entries(service.definition).map(([name, method]) => {
    const handler = service.handlers[name];
    if (handler === undefined) return [name, undefined] as const;
    const faulty: typeof handler = method.responseStream
      ? (request, context) =>
          breakable(
            before(context.signal),
            () => handler(request, context) as AsyncIterable<unknown>,
            breakStreamsAfter,
          )
      : async (request, context) => {
          await before(context.signal);
          return handler(request, context);
        };
    return [name, faulty] as const;
  });
  return { ...service, handlers: Object.fromEntries(handlers) };
}

function failSometimes(random: Random, rate: number): void {
  if (random.nextUniform() < rate)
    throw new QtuneError("unavailable", "a fault was asked for", { details: { retryDelayMs: 20 } });
}

async function* breakable(
  before: Promise<void>,
  start: () => AsyncIterable<unknown>,
  breakAfter: number,
): AsyncGenerator<unknown> {
  await before;
  let sent = 0;
  for await (const message of start()) {
    if (breakAfter > 0 && sent++ >= breakAfter)
      throw new QtuneError("unavailable", "the stream was broken on purpose");
    yield message;
  }
}
