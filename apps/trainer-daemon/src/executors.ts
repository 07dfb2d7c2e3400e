/**
 * Who runs circuits: the exact simulator in this process, and the devices that the operator has named. A client chooses
 * among them; it cannot make the daemon call an address of its own.
 */
import { QtuneError, suggest } from "@qtune/base";
import type { Executor } from "@qtune/circuit";
import { createRemoteExecutor } from "@qtune/rpc";
import { createLocalExecutor } from "@qtune/simulator";

/** The `executor` part of a run configuration, as far as it says who runs circuits. */
export interface ExecutorChoice {
  readonly kind: "exact" | "simulator" | "device";
  /** `grpc://host:port` of one of the operator's devices. */
  readonly target?: string | undefined;
  /** Device id, e.g. `wukong-72`. */
  readonly chip?: string | undefined;
}

/** Executors that a daemon offers, each opened once and shared. */
export interface ExecutorPool {
  /** Errors: permission_denied for a target that the operator has not named, invalid_argument without a target. */
  open(choice: ExecutorChoice): Executor;
  /** Names for people: `exact`, then the targets. */
  readonly names: readonly string[];
  close(): Promise<void>;
}

/** Creates the pool; nothing is opened before it is used. */
export function createExecutorPool(options: {
  readonly targets: readonly string[];
  readonly token?: string;
}): ExecutorPool {
  const opened = new Map<string, Executor>();
  const targets = options.targets.map(normalise);
  const once = (key: string, create: () => Executor): Executor => {
    const known = opened.get(key) ?? create();
    opened.set(key, known);
    return known;
  };
  return {
    names: ["exact", ...targets],
    open: ({ kind, target, chip }) => {
      if (kind === "exact") return once("exact", () => createLocalExecutor({}));
      if (target === undefined) {
        throw new QtuneError(
          "invalid_argument",
          `expected the address of a device, grpc://host:port, for kind ${kind}`,
          { where: "executor.target" },
        );
      }
      const wanted = normalise(target);
      if (!targets.includes(wanted)) {
        const near = suggest(wanted, targets);
        const allowed =
          targets.length === 0
            ? "it knows none: the operator gives --device grpc://host:port"
            : `it knows ${targets.join(", ")}`;
        throw new QtuneError(
          "permission_denied",
          `this daemon does not call ${target}; ${allowed}${near === undefined ? "" : `; did you mean ${near}?`}`,
          { where: "executor.target" },
        );
      }
      const token = options.token === undefined ? {} : { token: options.token };
      return once(`${kind} ${wanted} ${chip ?? ""}`, () =>
        createRemoteExecutor({
          target: wanted,
          simulator: kind === "simulator",
          ...(chip === undefined ? {} : { device: chip }),
          ...token,
        }),
      );
    },
    close: async () => {
      await Promise.all([...opened.values()].map((executor) => executor.close()));
      opened.clear();
    },
  };
}

function normalise(target: string): string {
  return target.includes("://") ? target : `grpc://${target}`;
}
