/**
 * A remote device or simulator as an Executor. Results are those of the service, row by row; a broken connection is
 * picked up by cursor, and a device's batch is cancelled there when the caller aborts.
 */
import { randomUUID } from "node:crypto";
import type { CircuitBatch, Executor, RunOptions } from "@qtune/circuit";
import { QtuneError } from "@qtune/base";
import { descriptionFromWire, estimateFromWire } from "../convert/execution.ts";
import { type Channel, type ChannelOptions, createChannel } from "./channel.ts";
import { type Packing, type SubmitOptions, deviceClientOn } from "./device-client.ts";
import { simulatorClientOn } from "./simulator-client.ts";
import { parseTarget } from "./target.ts";
import type { deviceV1 } from "@qtune/contracts";

/** Options of {@link createRemoteExecutor}. */
export interface RemoteExecutorOptions extends ChannelOptions {
  /** `wukong-72` or `devices/wukong-72`. Absent: what `target` names after its address, else the first device. */
  readonly device?: string;
  /** Talks to SimulatorService instead; so does a target `grpc://host:port/simulator`. */
  readonly simulator?: boolean;
  readonly packing?: Packing;
  /** Pins a calibration snapshot. Absent: the current one of each batch. */
  readonly calibration?: string;
  /** Shots where a call names none. Absent: the service's own rule. */
  readonly shots?: number;
  readonly compile?: Partial<deviceV1.CompileOptions>;
  /** Expectation values of a device as measured, or after readout mitigation. Default `raw`. */
  readonly report?: "raw" | "mitigated";
  readonly labels?: ReadonlyMap<string, string>;
}

/**
 * Creates an executor that runs circuits at a service.
 *
 * Errors: invalid_argument for a bad target; calls reject with unavailable when nothing answers after retries.
 *
 * @example
 * const executor = createRemoteExecutor({ target: "grpc://127.0.0.1:7272/devices/wukong-72" });
 * const { expectations } = await executor.run(batch, { shots: 1000, seed: 7n });
 */
export function createRemoteExecutor(options: RemoteExecutorOptions): Executor {
  const { resource } = parseTarget(options.target);
  const channel = createChannel(options);
  const simulator = options.simulator ?? resource === "simulator";
  return simulator
    ? simulatorExecutor(channel, options)
    : deviceExecutor(channel, options, options.device ?? resource);
}

function simulatorExecutor(channel: Channel, defaults: RemoteExecutorOptions): Executor {
  const client = simulatorClientOn(channel);
  const withShots = (options: RunOptions = {}): RunOptions => ({
    ...options,
    shots: options.shots ?? defaults.shots,
  });
  return {
    describe: async () => ({ ...(await client.describe()), name: `${channel.target}/simulator` }),
    estimate: (batch, options) => client.estimate(batch, withShots(options)),
    run: (batch, options) => client.run(batch, withShots(options)),
    vjp: (batch, cotangent, options) => client.vjp(batch, cotangent, options),
    close: async () => client.close(),
  };
}

function deviceExecutor(
  channel: Channel,
  defaults: RemoteExecutorOptions,
  device: string | undefined,
): Executor {
  const client = deviceClientOn(channel);
  const { packing, calibration, labels, shots, report } = defaults;
  const compile =
    report === "mitigated" ? { ...defaults.compile, mitigateReadout: true } : defaults.compile;
  let known: Promise<string> | undefined;
  const deviceName = async (): Promise<string> => {
    if (device !== undefined) return device.startsWith("devices/") ? device : `devices/${device}`;
    known ??= firstDevice();
    known.catch(() => (known = undefined)); // asked again by the next call
    return known;
  };
  const firstDevice = async (): Promise<string> => {
    const [first] = (await client.service.listDevices({ pageSize: 1, pageToken: "" })).devices;
    if (first === undefined)
      throw new QtuneError("not_found", "the service has no device", { where: channel.target });
    return first.name;
  };
  const submitOptions = async (options: RunOptions): Promise<SubmitOptions> => ({
    ...options,
    shots: options.shots ?? shots,
    device: await deviceName(),
    packing,
    calibration,
    compile,
    labels,
  });
  return {
    describe: async () => {
      const name = await deviceName();
      const { description } = await client.service.getDevice({ name });
      return descriptionFromWire(description, `${channel.target}/${name}`);
    },
    estimate: async (batch, options = {}) =>
      estimateFromWire((await client.validate(batch, await submitOptions(options))).estimate),
    run: async (batch, options = {}) => {
      const submit = {
        ...(await submitOptions(options)),
        requestId: options.requestId ?? randomUUID(),
      };
      return runBatch(batch, submit);
    },
    close: async () => client.close(),
  };

  async function runBatch(
    batch: CircuitBatch,
    options: SubmitOptions,
  ): ReturnType<Executor["run"]> {
    const { name } = await client.submit(batch, options);
    try {
      return await client.results(name, batch, { ...options, report });
    } catch (error) {
      if (options.signal?.aborted === true) {
        // Nobody waits for the batch any more. Best effort: the service forgets it sooner or later.
        await client.service
          .cancelTaskBatch({ name }, { deadlineMs: 2000, retry: { attempts: 1 } })
          .catch(() => undefined);
      }
      throw error;
    }
  }
}
