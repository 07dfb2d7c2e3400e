import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type ChipModel, createChip, newestSnapshot } from "@qtune/chip";
import { allPauliZ, circuitBuilder, pauliZ, ringAnsatz } from "@qtune/circuit";
import { describeExecutor } from "@qtune/circuit/conformance";
import { circuitV1, deviceV1, simulatorV1 } from "@qtune/contracts";
import { createChipExecutor } from "@qtune/emulator";
import {
  type DeviceClient,
  batchToWire,
  createDeviceClient,
  createRemoteExecutor,
  createSimulatorClient,
  parseTokenFile,
} from "@qtune/rpc";
import { createLocalExecutor } from "@qtune/simulator";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ansatzBatch } from "./ansatz-batch.fixture.ts";
import {
  type DeviceEmulator,
  type DeviceEmulatorOptions,
  startDeviceEmulator,
} from "./device-emulator.ts";

const chip = createChip("grid-3x3");
const device = `devices/${chip.name}`;
const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close();
});

/** Serves every test that asks for nothing special: starting workers takes longer than most tests. */
let shared: DeviceEmulator;
beforeAll(async () => {
  shared = await startDeviceEmulator({ chip, threads: 2 });
});
afterAll(() => shared.close());

async function start(options: Partial<DeviceEmulatorOptions> = {}): Promise<DeviceEmulator> {
  const emulator = await startDeviceEmulator({ chip, threads: 1, ...options });
  open.push(emulator);
  return emulator;
}

function connect(emulator: DeviceEmulator, token?: string): DeviceClient {
  const client = createDeviceClient({
    target: emulator.address,
    ...(token === undefined ? {} : { token }),
  });
  open.push(client);
  return client;
}

const sampled = { device, shots: 100, seed: 7n };

describe("executors, in process and remote, pass one suite", () => {
  describeExecutor("local", { create: async () => createLocalExecutor() });
  describeExecutor("emulator in process", {
    create: async () => createChipExecutor({ chip: createChip("grid-3x3", { seed: 3 }) }),
    shots: 400,
    systematic: 0.6,
  });
  describeExecutor("remote simulator", {
    create: async () => createRemoteExecutor({ target: `grpc://${shared.address}/simulator` }),
  });
  describeExecutor("remote device", {
    create: async () => createRemoteExecutor({ target: `grpc://${shared.address}/${device}` }),
    shots: 400,
    systematic: 0.6,
  });
});

describe("a task batch", () => {
  test("gives the counts and values of the emulator in this process, bit for bit", async () => {
    const batch = ansatzBatch(250); // two chip jobs
    const options = { shots: 100, seed: 7n, returns: ["counts"] as const };
    const remote = createRemoteExecutor({ target: `grpc://${shared.address}` });
    open.push(remote);
    const here = await createChipExecutor({ chip }).run(batch, options);
    const there = await remote.run(batch, options);
    expect(there.expectations).toEqual(here.expectations);
    expect(there.counts).toEqual(here.counts);
    expect(there.usage).toMatchObject({
      circuits: 250,
      snapshotId: newestSnapshot(chip).id,
      seed: 7n,
    });
    expect(there.usage.chipSeconds).toBeCloseTo(here.usage.chipSeconds, 9);
  });

  test("is made once per request id; another body is refused with both hashes", async () => {
    const client = connect(shared);
    const options = { ...sampled, requestId: "0f8fad5b-d9cb-469f-a165-70867728950e" };
    const first = await client.submit(ansatzBatch(3), options);
    expect((await client.submit(ansatzBatch(3), options)).name).toBe(first.name);
    const other = client.submit(ansatzBatch(4), options);
    await expect(other).rejects.toMatchObject({
      code: "already_exists",
      details: {
        storedSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
        givenSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    });
  });

  test("is checked and estimated without being stored when that is asked", async () => {
    const client = connect(shared);
    const checked = await client.validate(ansatzBatch(31), sampled);
    expect(checked.name).toBe("");
    expect(checked.estimate).toMatchObject({ circuits: 31, shots: 3100n });
    expect(checked.estimate?.chipSeconds).toBeGreaterThan(0);
    expect(checked.placement?.regions.length).toBeGreaterThan(0);
    const { taskBatches } = await client.service.listTaskBatches({
      parent: device,
      pageSize: 0,
      pageToken: "",
      states: [],
    });
    expect(taskBatches.map(({ tasks }) => tasks)).not.toContain(31);
  });

  test("goes through its states in order, each with a cursor from which watching goes on", async () => {
    const client = connect(shared);
    const { name } = await client.submit(ansatzBatch(250), sampled);
    const events: deviceV1.WatchTasksResponse[] = [];
    for await (const event of client.watch(name, { includeResults: true })) events.push(event);
    const states = events.flatMap(({ event }) =>
      event?.$case === "taskBatch" ? [event.value.state] : [],
    );
    expect(states).toEqual(states.toSorted((a, b) => a - b));
    expect(states.at(-1)).toBe(deviceV1.TaskState.TASK_STATE_SUCCEEDED);
    const rows = events.flatMap(({ event }) =>
      event?.$case === "results" ? [event.value.rows] : [],
    );
    expect(rows.reduce((sum, each) => sum + each, 0)).toBe(250);
    const final = events.at(-1)?.event;
    const { timeline, usage } =
      final?.$case === "taskBatch" ? final.value : deviceV1.TaskBatch.fromPartial({});
    const onChip =
      (timeline?.loadSeconds ?? 0) + (timeline?.shotsSeconds ?? 0) + (timeline?.postSeconds ?? 0);
    expect(onChip).toBeCloseTo(usage?.chipSeconds ?? Number.NaN, 9);
    expect(timeline?.shotsSeconds).toBeGreaterThan(0);
    const half = Math.floor(events.length / 2);
    const rest: deviceV1.WatchTasksResponse[] = [];
    for await (const event of client.watch(name, {
      includeResults: true,
      cursor: events[half]?.cursor ?? "",
    }))
      rest.push(event);
    expect(rest.at(-1)).toEqual(events.at(-1));
    expect(rest.length).toBeLessThan(events.length);
  });

  test("too large for one message comes as a stream and is the same batch", async () => {
    const client = connect(shared);
    const batch = ansatzBatch(5);
    const request = deviceV1.CreateTaskBatchRequest.fromPartial({
      parent: device,
      taskBatch: { options: { shots: 100, seed: 7n } },
    });
    const wire = batchToWire(batch);
    const header = {
      ...request,
      taskBatch: {
        ...deviceV1.TaskBatch.fromPartial(request.taskBatch ?? {}),
        batch: { ...wire, rowValues: Buffer.alloc(0) },
      },
    };
    const width = wire.rowValues.length / 5;
    const chunk = (firstRow: number, rows: number) => ({
      part: {
        $case: "chunk" as const,
        value: {
          firstRow,
          rows,
          rowValues: wire.rowValues.subarray(firstRow * width, (firstRow + rows) * width),
          cotangent: Buffer.alloc(0),
        },
      },
    });
    const first = { part: { $case: "header" as const, value: header } };
    const streamed = await client.service.streamTaskBatch(() => [first, chunk(0, 2), chunk(2, 3)]);
    const whole = await client.submit(batch, sampled);
    expect(await client.results(streamed.name, batch)).toMatchObject({
      expectations: (await client.results(whole.name, batch)).expectations,
    });
    await expect(client.service.streamTaskBatch(() => [first, chunk(0, 2)])).rejects.toMatchObject({
      code: "invalid_argument",
    });
    await expect(client.service.streamTaskBatch(() => [first, chunk(2, 3)])).rejects.toMatchObject({
      code: "invalid_argument",
    });
    await expect(client.service.streamTaskBatch(() => [chunk(0, 2)])).rejects.toMatchObject({
      code: "invalid_argument",
    });
  });

  test("measured in two bases, over several chip jobs, gives what the emulator in this process gives", async () => {
    const base = ansatzBatch(250);
    const observables = [
      pauliZ(0),
      { terms: [{ coefficient: 0.5, paulis: [{ qubit: 0, pauli: "X" as const }] }] },
      { terms: [{ coefficient: 1, paulis: [{ qubit: 1, pauli: "Y" as const }] }] },
    ];
    const batch = { ...base, observables };
    const options = { shots: 100, seed: 9n };
    for (const report of ["raw", "mitigated"] as const) {
      const remote = createRemoteExecutor({ target: `grpc://${shared.address}`, report });
      open.push(remote);
      const here = await createChipExecutor({ chip, report }).run(batch, options);
      const there = await remote.run(batch, options);
      expect(there.expectations).toEqual(here.expectations);
      expect(there.standardErrors).toEqual(here.standardErrors);
    }
  });

  test("lists its tasks page by page, each with its place and result", async () => {
    const client = connect(shared);
    const batch = ansatzBatch(7);
    const { name } = await client.submit(batch, sampled);
    const { expectations } = await client.results(name, batch);
    const tasks: deviceV1.Task[] = [];
    for (let pageToken = ""; ;) {
      const page = await client.service.listTasks({
        parent: name,
        pageSize: 3,
        pageToken,
        includeResults: true,
      });
      tasks.push(...page.tasks);
      pageToken = page.nextPageToken;
      if (pageToken === "") break;
    }
    expect(tasks.map(({ row }) => row)).toEqual([0, 1, 2, 3, 4, 5, 6]);
    const values = tasks.flatMap(({ result }) => [
      ...new Float64Array(Uint8Array.from(result?.expectations ?? []).buffer),
    ]);
    expect(values).toEqual([...expectations]);
    expect(tasks.every(({ region }) => region?.qubits.length === 2)).toBe(true);
    expect((await client.service.getTask({ name: `${name}/tasks/6` })).result).toEqual(
      tasks[6]?.result,
    );
    await expect(client.service.getTask({ name: `${name}/tasks/7` })).rejects.toMatchObject({
      code: "not_found",
    });
  });

  test("that is cancelled stops, keeps what it has, and says so to its watcher", async () => {
    const client = connect(shared);
    const batch = ansatzBatch(4000);
    const { name } = await client.submit(batch, sampled);
    const results = client.results(name, batch);
    const settled = expect(results).rejects.toMatchObject({ code: "cancelled" });
    const cancelled = await client.service.cancelTaskBatch({ name });
    expect(cancelled.state).toBe(deviceV1.TaskState.TASK_STATE_CANCELLED);
    expect(cancelled.cancelledTasks).toBeGreaterThan(0);
    await settled;
  });

  test("runs without a task that was cancelled before its turn; the others keep their counts", async () => {
    const client = connect(await start());
    const blocker = await client.submit(ansatzBatch(1500), sampled);
    const batch = ansatzBatch(5);
    const { name } = await client.submit(batch, sampled);
    await client.service.cancelTask({ name: `${name}/tasks/2` });
    await client.service.cancelTaskBatch({ name: blocker.name });
    const rows: number[] = [];
    let final: deviceV1.TaskBatch | undefined;
    for await (const { event } of client.watch(name, { includeResults: true })) {
      if (event?.$case === "results")
        rows.push(...Array.from({ length: event.value.rows }, (_, i) => event.value.firstRow + i));
      if (event?.$case === "taskBatch") final = event.value;
    }
    expect(rows).toEqual([0, 1, 3, 4]);
    expect(final).toMatchObject({
      state: deviceV1.TaskState.TASK_STATE_SUCCEEDED,
      finishedTasks: 5,
      cancelledTasks: 1,
    });
    await expect(client.service.cancelTask({ name: `${name}/tasks/1` })).rejects.toMatchObject({
      code: "failed_precondition",
    });
  });

  test.each<[string, object, string]>([
    ["fewer shots than the chip takes", { shots: 7 }, "out_of_range"],
    ["more shots than the chip takes", { shots: 10_001 }, "out_of_range"],
    ["no shots", { shots: undefined }, "invalid_argument"],
    ["neither observables nor counts", { observables: [] }, "invalid_argument"],
    ["probabilities", { returns: ["probabilities"] }, "invalid_argument"],
    [
      "a calibration that is not there",
      { calibration: "cal-0000000000000000" },
      "failed_precondition",
    ],
    ["a priority of 10", { priority: 10 }, "invalid_argument"],
    ["a device that is not there", { device: "devices/other" }, "not_found"],
  ])("with %s is refused", async (_, change, code) => {
    const client = connect(shared);
    await expect(
      client.submit({ ...ansatzBatch(2), ...change }, { ...sampled, ...change }),
    ).rejects.toMatchObject({
      code,
    });
  });

  test("of a circuit with a gate behind a measurement is refused where the gate stands", async () => {
    const circuit = circuitBuilder(1).h(0).measure(0, 0).h(0).measure(0, 1).build();
    const batch = {
      ...ansatzBatch(1),
      circuit,
      shared: new Float64Array(0),
      rows: new Float64Array(0),
      observables: [],
    };
    await expect(
      connect(shared).submit(batch, { ...sampled, returns: ["counts"] }),
    ).rejects.toMatchObject({
      code: "invalid_argument",
      issues: [{ where: "circuit.operations[2]" }, { where: "circuit.operations[3]" }],
    });
  });

  test("of a circuit wider than any region is refused, saying which size fits", async () => {
    const client = connect(shared);
    const circuit = ringAnsatz({ n: 10, layers: 1, ansatz: "path" });
    const P = (role: string): number =>
      circuit.parameters.filter((each) => each.role === role).length;
    const batch = {
      circuit,
      B: 1,
      shared: new Float64Array(P("shared")),
      rows: new Float64Array(P("row")),
      observables: allPauliZ(10),
    };
    await expect(client.submit(batch, sampled)).rejects.toMatchObject({
      code: "failed_precondition",
      issues: [
        {
          where: "circuit.qubits",
          given: "10",
          hint: expect.stringMatching(/of up to 9 qubits fit/),
        },
      ],
    });
  });
});

describe("what was accepted", () => {
  const folders: string[] = [];
  afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

  test("goes on after a stop, with the counts of an undisturbed run", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "qtune-device-"));
    folders.push(folder);
    const batch = ansatzBatch(410);
    const first = await startDeviceEmulator({ chip, threads: 1, dataDirectory: folder });
    const early = createDeviceClient({ target: first.address });
    const { name } = await early.submit(batch, sampled);
    for await (const { event } of early.watch(name))
      if (event?.$case === "taskBatch" && event.value.finishedTasks > 0) break;
    early.close();
    await first.close();
    const client = connect(await start({ dataDirectory: folder }));
    const result = await client.results(name, batch);
    expect(result.expectations).toEqual(
      (await createChipExecutor({ chip }).run(batch, sampled)).expectations,
    );
    expect(result.usage.circuits).toBe(410);
    const usage = await client.service.getUsage({ device });
    expect(usage).toMatchObject({
      principal: "anonymous",
      circuits: 410n,
      shots: 41_000n,
      queuedCircuits: 0,
    });
  });

  test("belongs to one daemon at a time", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "qtune-device-"));
    folders.push(folder);
    await start({ dataDirectory: folder });
    const second = startDeviceEmulator({ chip, threads: 1, dataDirectory: folder });
    await expect(second).rejects.toMatchObject({ code: "failed_precondition", where: "data-dir" });
  });
});

describe("tokens", () => {
  const tokens = parseTokenFile(
    JSON.stringify([
      { name: "alice", token: "alice-0123456789abc", quotas: { queuedCircuits: 10 } },
      { name: "bob", token: "bob-0123456789abcde", quotas: { chipSeconds: 0.5 } },
    ]),
  );

  test("keep the batches of one principal from another", async () => {
    const emulator = await start({ tokens });
    const alice = connect(emulator, "alice-0123456789abc");
    const bob = connect(emulator, "bob-0123456789abcde");
    const { name } = await alice.submit(ansatzBatch(2), sampled);
    await expect(bob.service.getTaskBatch({ name })).rejects.toMatchObject({ code: "not_found" });
    await expect(bob.service.cancelTaskBatch({ name })).rejects.toMatchObject({
      code: "not_found",
    });
  });

  test("bound what one principal may have waiting and may use, with a reason", async () => {
    const emulator = await start({ tokens });
    const alice = connect(emulator, "alice-0123456789abc");
    await expect(alice.submit(ansatzBatch(11), sampled)).rejects.toMatchObject({
      code: "resource_exhausted",
      details: { quota: "queued circuits of alice", limit: 10 },
    });
    const bob = connect(emulator, "bob-0123456789abcde");
    await expect(bob.submit(ansatzBatch(2), sampled)).rejects.toMatchObject({
      code: "resource_exhausted",
      details: { quota: "chip seconds of bob", limit: 0.5 },
    });
  });
});

describe("calibrations", () => {
  const newer: ChipModel = createChip("grid-3x3", { seed: 99 });

  test("are found by name and by time, and a watcher sees a new one", async () => {
    let nowMs = 1_000_000;
    const emulator = await start({ now: () => nowMs });
    const client = connect(emulator);
    const seen: string[] = [];
    const stop = new AbortController();
    const watching = (async () => {
      for await (const { calibration } of client.service.watchCalibration(
        { device },
        { signal: stop.signal },
      )) {
        seen.push(calibration?.snapshotId ?? "");
        if (seen.length === 1) {
          nowMs = 2_000_000;
          emulator.addCalibration(newestSnapshot(newer));
        } else return;
      }
    })();
    await watching;
    const [old, current] = [newestSnapshot(chip).id, newestSnapshot(newer).id];
    expect(seen).toEqual([old, current]);
    const byName = async (id: string): Promise<string> =>
      (
        await client.service.getCalibration({
          which: { $case: "name", value: `${device}/calibrations/${id}` },
          includeDocument: true,
        })
      ).snapshotId;
    expect([await byName(old), await byName("current")]).toEqual([old, current]);
    const at = async (timeMs: number): Promise<string> =>
      (
        await client.service.getCalibration({
          which: { $case: "at", value: { device, time: new Date(timeMs) } },
          includeDocument: false,
        })
      ).snapshotId;
    expect([await at(1_500_000), await at(2_500_000)]).toEqual([old, current]);
    await expect(at(500)).rejects.toMatchObject({ code: "not_found" });
    const listed = await client.service.listCalibrations({
      parent: device,
      pageSize: 1,
      pageToken: "",
    });
    expect(listed.calibrations.map((each) => each.snapshotId)).toEqual([current]);
    expect(listed.nextPageToken).not.toBe("");
  });

  test("that are pinned are used although a newer one is there", async () => {
    const emulator = await start();
    const old = newestSnapshot(chip).id;
    emulator.addCalibration(newestSnapshot(newer));
    const client = connect(emulator);
    const batch = ansatzBatch(3);
    const pinned = await client.submit(batch, { ...sampled, calibration: old });
    const free = await client.submit(batch, sampled);
    expect((await client.results(pinned.name, batch)).usage.snapshotId).toBe(old);
    expect((await client.results(free.name, batch)).usage.snapshotId).toBe(
      newestSnapshot(newer).id,
    );
  });
});

test("a preview says where a circuit goes and what it costs", async () => {
  const client = connect(shared);
  const text =
    'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q -> c;';
  const preview = await client.service.previewTranspile(
    deviceV1.PreviewTranspileRequest.fromPartial({
      device,
      structure: { form: { $case: "text", value: { text } } },
    }),
  );
  expect(preview.czCount).toBe(1);
  expect(preview.region?.qubits).toHaveLength(2);
  expect(preview.region?.predictedFidelity).toBeGreaterThan(0.3);
  expect(preview.nativeOriginir).toContain("CZ");
});

test.each<[string, string]>([
  [
    "OpenQASM 3",
    'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;',
  ],
  ["OriginIR", "QINIT 2\nCREG 2\nH q[0]\nCNOT q[0],q[1]\nMEASURE q[0],c[0]\nMEASURE q[1],c[1]"],
])("a circuit in %s runs as text", async (_, text) => {
  const client = connect(shared);
  const { name } = await client.service.createTaskBatch(
    deviceV1.CreateTaskBatchRequest.fromPartial({
      parent: device,
      taskBatch: {
        batch: { structure: { form: { $case: "text", value: { text } } }, rows: 1 },
        options: { shots: 500, seed: 3n, returns: [circuitV1.ReturnKind.RETURN_KIND_COUNTS] },
      },
    }),
  );
  for await (const _event of client.watch(name)) continue;
  const task = await client.service.getTask({ name: `${name}/tasks/0` });
  const counts = task.result?.counts[0]?.counts ?? new Map<string, number>();
  const same = (counts.get("00") ?? 0) + (counts.get("11") ?? 0);
  expect(same).toBeGreaterThan(300); // a Bell pair on a noisy chip; half of the shots would be chance
});

test("with a real-time clock chip time passes", async () => {
  const quick = { ...chip, timing: { ...chip.timing, loadMs: 500 } };
  const emulator = await start({ chip: quick, clock: "real-time" });
  const client = connect(emulator);
  const batch = ansatzBatch(2);
  const startMs = performance.now();
  const { name } = await client.submit(batch, sampled);
  const { usage } = await client.results(name, batch);
  expect(usage.chipSeconds).toBeGreaterThan(0.5);
  expect(performance.now() - startMs).toBeGreaterThan(usage.chipSeconds * 1000 * 0.95);
});

test("the service answers while it computes", async () => {
  const client = connect(shared);
  const { name } = await client.submit(ansatzBatch(3000), sampled);
  const startMs = performance.now();
  for (let i = 0; i < 20; i++) await client.service.getDevice({ name: device });
  expect(performance.now() - startMs).toBeLessThan(5000);
  await client.service.cancelTaskBatch({ name });
});

test("faults on purpose break calls and streams, and a client gets its results through them", async () => {
  const emulator = await start({ faults: { unavailableRate: 0.3, breakStreamsAfter: 3 } });
  const batch = ansatzBatch(250);
  const remote = createRemoteExecutor({
    target: `grpc://${emulator.address}/${device}`,
    retry: { attempts: 20 },
  });
  open.push(remote);
  const { expectations } = await remote.run(batch, sampled);
  expect(expectations).toEqual(
    (await createChipExecutor({ chip }).run(batch, sampled)).expectations,
  );
});

describe("a chip job that fails", () => {
  const { TASK_STATE_SUCCEEDED, TASK_STATE_FAILED } = deviceV1.TaskState;

  async function runWith(
    failurePolicy: deviceV1.FailurePolicy,
  ): Promise<{ final: deviceV1.TaskBatch; client: DeviceClient }> {
    const client = connect(await start({ faults: { failJob: 1 } }));
    const request = deviceV1.CreateTaskBatchRequest.fromPartial({
      parent: device,
      taskBatch: {
        batch: batchToWire(ansatzBatch(500)),
        options: { shots: 100, seed: 7n },
        failurePolicy,
      },
    });
    const { name } = await client.service.createTaskBatch(request);
    for await (const _event of client.watch(name)) continue;
    return { final: await client.service.getTaskBatch({ name }), client };
  }

  test("takes its own tasks with it, and the others go on", async () => {
    const { final, client } = await runWith(deviceV1.FailurePolicy.FAILURE_POLICY_CONTINUE);
    expect(final).toMatchObject({
      state: TASK_STATE_SUCCEEDED,
      finishedTasks: 500,
      failedTasks: 200,
    });
    const task = (row: number) => client.service.getTask({ name: `${final.name}/tasks/${row}` });
    expect((await task(199)).state).toBe(TASK_STATE_SUCCEEDED);
    expect(await task(200)).toMatchObject({
      state: TASK_STATE_FAILED,
      failure: { code: "aborted" },
    });
    expect((await task(400)).state).toBe(TASK_STATE_SUCCEEDED);
    const results = client.results(final.name, ansatzBatch(500));
    await expect(results).rejects.toMatchObject({ code: "aborted" });
  });

  test("ends the batch where the client wants that", async () => {
    const { final } = await runWith(deviceV1.FailurePolicy.FAILURE_POLICY_STOP);
    expect(final).toMatchObject({
      state: TASK_STATE_FAILED,
      failure: { code: "aborted" },
      finishedTasks: 500,
    });
  });
});

describe("a simulator service", () => {
  test("gives a large batch in parts what it gives in one message, gradients too", async () => {
    const client = createSimulatorClient({ target: shared.address });
    open.push(client);
    const batch = ansatzBatch(20_000); // above the size from which the client streams
    const cotangent = Float64Array.from({ length: 40_000 }, (_, i) => Math.cos(i));
    const local = createLocalExecutor({ threads: 1 });
    open.push(local);
    const here = await local.run(batch);
    const there = await client.run(batch);
    expect(there.expectations).toEqual(here.expectations);
    const gradient = await client.vjp(batch, cotangent);
    const expected = await local.vjp(batch, cotangent);
    expect(gradient.rows).toEqual(expected.rows);
    expect(gradient.shared).toEqual(expected.shared);
  });
});

describe("a hostile client", () => {
  const billionLaughs = (levels: number): string => {
    const gates = Array.from(
      { length: levels },
      (_, i) => `gate g${i + 1} a { g${i} a; g${i} a; }`,
    ).join("\n");
    return `OPENQASM 2.0;\ninclude "qelib1.inc";\ngate g0 a { h a; }\n${gates}\nqreg q[1];\ng${levels} q[0];\n`;
  };

  test.each<[string, string, RegExp]>([
    [
      "a text that opens a file",
      'OPENQASM 2.0; include "/etc/passwd"; qreg q[1];',
      /invalid_argument|not_found/,
    ],
    ["a text that is none", "\u0000\u0001{{{", /invalid_argument/],
    [
      "a gate that grows to 2^40 operations",
      billionLaughs(40),
      /resource_exhausted|invalid_argument|out_of_range/,
    ],
    ["more than 1 MiB of text", `OPENQASM 2.0;${" ".repeat(1 << 20)}`, /out_of_range/],
    [
      "a register of four billion qubits",
      "OPENQASM 2.0; qreg q[4000000000]; ",
      /invalid_argument|out_of_range|resource_exhausted/,
    ],
  ])("cannot harm the service with %s", async (_, text, code) => {
    const client = connect(shared);
    const request = deviceV1.CreateTaskBatchRequest.fromPartial({
      parent: device,
      taskBatch: {
        batch: { structure: { form: { $case: "text", value: { text } } }, rows: 1 },
        options: { shots: 100, returns: [circuitV1.ReturnKind.RETURN_KIND_COUNTS] },
      },
    });
    await expect(client.service.createTaskBatch(request)).rejects.toMatchObject({
      code: expect.stringMatching(code),
    });
    expect((await client.service.getDevice({ name: device })).name).toBe(device);
  });

  test("cannot harm the service with four billion rows of nothing", async () => {
    const text = "OPENQASM 2.0; qreg q[1]; creg c[1]; measure q -> c;";
    const batch = {
      structure: { form: { $case: "text" as const, value: { text } } },
      rows: 0xffff_ffff,
    };
    const request = deviceV1.CreateTaskBatchRequest.fromPartial({
      parent: device,
      taskBatch: {
        batch,
        options: { shots: 100, returns: [circuitV1.ReturnKind.RETURN_KIND_COUNTS] },
      },
    });
    await expect(connect(shared).service.createTaskBatch(request)).rejects.toMatchObject({
      code: "out_of_range",
    });
    const client = createSimulatorClient({ target: shared.address });
    open.push(client);
    const observables = [{ terms: [{ coefficient: 1 }] }];
    const run = simulatorV1.RunRequest.fromPartial({ batch: { ...batch, observables } });
    await expect(client.service.run(run)).rejects.toMatchObject({ code: "out_of_range" });
  });

  test.each([
    "",
    "devices/grid-3x3/taskBatches/../../etc",
    `devices/${"x".repeat(10_000)}`,
    "devices/grid-3x3/taskBatches/x'; DROP TABLE batches",
  ])("gets invalid_argument or not_found for the name %j", async (name) => {
    const call = connect(shared).service.getTaskBatch({ name });
    await expect(call).rejects.toMatchObject({
      code: expect.stringMatching(/invalid_argument|not_found/),
    });
  });

  test("that leaves while it waits for a simulation frees the worker", async () => {
    const client = createSimulatorClient({ target: shared.address });
    open.push(client);
    const stop = new AbortController();
    const large = { ...ansatzBatch(1_000_000) };
    const calls = [
      client.run(large, { signal: stop.signal }),
      client.run(large, { signal: stop.signal }),
    ];
    const settled = Promise.all(
      calls.map((call) => expect(call).rejects.toMatchObject({ code: "cancelled" })),
    );
    setTimeout(() => stop.abort(), 500);
    await settled;
    expect((await client.run(ansatzBatch(1))).expectations).toHaveLength(2);
  });
});
