import { QtuneError } from "@qtune/base";
import type { Principal } from "@qtune/rpc";

/** Says no before a queue or a quota is overrun. */
export interface QuotaKeeper {
  /** Errors: resource_exhausted when the queue or the principal's share of it has no room for so many circuits. */
  assertRoom(principal: Principal, circuits: number): void;
  /** Errors: resource_exhausted when a principal would use more chip time than granted. */
  assertChipSeconds(principal: Principal, chipSeconds: number): void;
}

/** What {@link createQuotaKeeper} looks at. */
export interface QuotaSources {
  readonly maxQueuedCircuits: number;
  /** Circuits of all, and of one principal, that wait or run. */
  readonly queued: (principal?: string) => number;
  readonly usedChipSeconds: (principal: string) => number;
  /** Expected time until the queue has drained, seconds. */
  readonly drainSeconds: () => number;
}

/** Creates a keeper over live numbers. */
export function createQuotaKeeper(sources: QuotaSources): QuotaKeeper {
  const full = (quota: string, limit: number, queued: number, circuits: number): QtuneError => {
    // A request that is larger than the whole limit never fits: no delay helps, so none is given.
    const retry =
      circuits <= limit
        ? { retryDelayMs: Math.min(60_000, Math.max(500, sources.drainSeconds() * 1000)) }
        : {};
    return new QtuneError(
      "resource_exhausted",
      `${quota}: ${queued} circuits wait, ${circuits} more would exceed the limit of ${limit}`,
      {
        details: { quota, limit, queued, ...retry },
      },
    );
  };
  return {
    assertRoom: (principal, circuits) => {
      const { maxQueuedCircuits } = sources;
      const all = sources.queued();
      if (all + circuits > maxQueuedCircuits)
        throw full("queue of the device", maxQueuedCircuits, all, circuits);
      const limit = principal.quotas.queuedCircuits;
      const own = sources.queued(principal.name);
      if (limit !== undefined && own + circuits > limit)
        throw full(`queued circuits of ${principal.name}`, limit, own, circuits);
    },
    assertChipSeconds: (principal, chipSeconds) => {
      const limit = principal.quotas.chipSeconds;
      const used = sources.usedChipSeconds(principal.name);
      if (limit === undefined || used + chipSeconds <= limit) return;
      const quota = `chip seconds of ${principal.name}`;
      const message = `${quota}: ${used.toFixed(1)} of ${limit} s are used and this batch takes ${chipSeconds.toFixed(1)} s`;
      throw new QtuneError("resource_exhausted", message, { details: { quota, limit, used } });
    },
  };
}
