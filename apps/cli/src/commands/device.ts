import type { Command } from "commander";
import { QtuneError } from "@qtune/base";
import { deviceV1 } from "@qtune/contracts";
import { type DeviceClient, createDeviceClient } from "@qtune/rpc";
import { defineAction } from "../command.ts";
import { integerOption, seedOption } from "../number-option.ts";
import { type ReadOptions, openCircuit } from "../circuit-argument.ts";
import { addServe } from "./serve.ts";

const defaultTarget = "grpc://127.0.0.1:7272";

/** Options of every command that talks to a device service. */
interface TargetOptions {
  readonly target: string;
  readonly token?: string;
}

/** Adds `qtune device serve|submit|watch|list|cancel`. */
export function addDevice(program: Command, signal: AbortSignal): void {
  const device = program
    .command("device")
    .description("a chip as a gRPC service: serve one, or use one");
  addServe(
    device,
    "device-emulator",
    "serves an emulated chip over gRPC (options: --help)",
    signal,
  );
  addSubmit(device, signal);
  addWatch(device, signal);
  addList(device, signal);
  addCancel(device, signal);
}

function addSubmit(device: Command, signal: AbortSignal): void {
  const command = targeting(
    device
      .command("submit")
      .description("submits a circuit and prints the task batch's name")
      .argument("<file>", "circuit, - for stdin"),
  )
    .option("--device <name>", "device of the service; default its first")
    .option("--shots <count>", "shots", integerOption(1, 1_000_000), 1000)
    .option("--seed <seed>", "fixes the counts", seedOption)
    .option("--request-id <uuid>", "makes a retry return the first answer")
    .option("--wait", "waits for the counts");
  defineAction<
    TargetOptions &
      ReadOptions & {
        device?: string;
        shots: number;
        seed?: bigint;
        requestId?: string;
        wait?: boolean;
      }
  >(command, signal, async ([file = ""], options, { output, signal: stop }) => {
    const { circuit } = await openCircuit(file, options);
    await withClient(options, async (client) => {
      const name =
        options.device === undefined
          ? await firstDevice(client)
          : options.device.startsWith("devices/")
            ? options.device
            : `devices/${options.device}`;
      const batch = {
        circuit,
        shared: new Float64Array(0),
        rows: new Float64Array(0),
        B: 1,
        observables: [],
      };
      const run = {
        shots: options.shots,
        returns: ["counts" as const],
        signal: stop,
        ...(options.seed === undefined ? {} : { seed: options.seed }),
      };
      const submitted = await client.submit(batch, {
        ...run,
        device: name,
        ...(options.requestId === undefined ? {} : { requestId: options.requestId }),
      });
      if (options.wait !== true) {
        output.result(
          { name: submitted.name, state: deviceV1.taskStateToJSON(submitted.state) },
          () => submitted.name,
        );
        return;
      }
      const result = await client.results(submitted.name, batch, run);
      const counts = Object.fromEntries(result.counts?.[0] ?? []);
      output.result(
        { name: submitted.name, counts, shots: options.shots, usage: result.usage },
        () =>
          Object.entries(counts)
            .map(([bits, count]) => `${bits}  ${count}`)
            .join("\n"),
      );
    });
  });
}

function addWatch(device: Command, signal: AbortSignal): void {
  const command = targeting(
    device
      .command("watch")
      .description("shows a task batch until it ends")
      .argument("<name>", "devices/D/taskBatches/B"),
  );
  defineAction<TargetOptions>(
    command,
    signal,
    async ([name = ""], options, { output, signal: stop }) => {
      await withClient(options, async (client) => {
        for await (const event of client.watch(name, { signal: stop }))
          output.status(JSON.stringify(deviceV1.WatchTasksResponse.toJSON(event)));
        const batch = await client.service.getTaskBatch({ name });
        output.result(deviceV1.TaskBatch.toJSON(batch), () => printBatch(batch));
      });
    },
  );
}

function addList(device: Command, signal: AbortSignal): void {
  const command = targeting(
    device.command("list").description("devices of a service and their newest task batches"),
  );
  defineAction<TargetOptions>(command, signal, async (_, options, { output }) => {
    await withClient(options, async (client) => {
      const { devices } = await client.service.listDevices({ pageSize: 100, pageToken: "" });
      const batches = await Promise.all(
        devices.map(
          async ({ name }) =>
            (
              await client.service.listTaskBatches({
                parent: name,
                pageSize: 20,
                pageToken: "",
                states: [],
              })
            ).taskBatches,
        ),
      );
      output.result(
        {
          devices: devices.map((row) => deviceV1.Device.toJSON(row)),
          taskBatches: batches.flat().map((row) => deviceV1.TaskBatch.toJSON(row)),
        },
        () =>
          [
            ...devices.map(
              (row) =>
                `${row.name}  ${row.displayName}  ${row.qubits} qubits (${row.liveQubits.length} live)  calibration ${row.calibration}`,
            ),
            ...batches.flat().map(printBatch),
          ].join("\n"),
      );
    });
  });
}

function addCancel(device: Command, signal: AbortSignal): void {
  const command = targeting(
    device
      .command("cancel")
      .description("cancels a task batch")
      .argument("<name>", "devices/D/taskBatches/B"),
  );
  defineAction<TargetOptions>(command, signal, async ([name = ""], options, { output }) => {
    await withClient(options, async (client) => {
      const batch = await client.service.cancelTaskBatch({ name });
      output.result(deviceV1.TaskBatch.toJSON(batch), () => printBatch(batch));
    });
  });
}

function targeting(command: Command): Command {
  return command
    .option("--target <address>", "device service", defaultTarget)
    .option("--token <token>", "bearer token; default QTUNE_TOKEN");
}

async function withClient(
  options: TargetOptions,
  use: (client: DeviceClient) => Promise<void>,
): Promise<void> {
  const token = options.token ?? process.env["QTUNE_TOKEN"];
  const client = createDeviceClient({
    target: options.target,
    ...(token === undefined ? {} : { token }),
  });
  try {
    await use(client);
  } finally {
    client.close();
  }
}

async function firstDevice(client: DeviceClient): Promise<string> {
  const [first] = (await client.service.listDevices({ pageSize: 1, pageToken: "" })).devices;
  if (first === undefined)
    throw new QtuneError("not_found", "the service has no device", {
      where: client.channel.target,
    });
  return first.name;
}

function printBatch(batch: deviceV1.TaskBatch): string {
  const state = deviceV1.taskStateToJSON(batch.state).replace("TASK_STATE_", "").toLowerCase();
  const failure = batch.failure === undefined ? "" : `  ${batch.failure.message}`;
  return `${batch.name}  ${state}  ${batch.finishedTasks}/${batch.tasks} tasks${failure}`;
}
