/**
 * `qtune quickstart`: the main job. Two daemons as real processes, four adapters on a real model, the quantum one on the
 * emulated chip, a table and a report.
 */
import { existsSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { countParameters } from "@qtune/adapters";
import { createRandom } from "@qtune/base";
import { trainingV1 } from "@qtune/contracts";
import { openModel } from "@qtune/llm";
import { type Channel, createChannel } from "@qtune/rpc";
import { linearSites } from "@qtune/trainer";
import type { CommandContext } from "../command.ts";
import { renderReport } from "../report/html.ts";
import type { Report, ReportArm, ReportChip } from "../report/report.ts";
import { printTable } from "../report/table.ts";
import { type SupervisedDaemon, superviseDaemon } from "../supervise.ts";
import { type QuickstartArm, isQuantumArm, quickstartArms, quickstartSettings } from "./arms.ts";
import { type ModelFacts, armRow, buildReport, chipRow } from "./build-report.ts";
import { saveChunks } from "./download.ts";
import { createStopwatch } from "./stopwatch.ts";
import { evaluate, probeGradient, watchRun, withPatience } from "./training-client.ts";

/** What the user may choose. */
export interface QuickstartOptions {
  readonly model?: string;
  readonly seed: number;
  /** Folder of the results; default `runs/quickstart-<time>`. */
  readonly output?: string;
}

/** What the steps of the quickstart share. */
interface Session {
  readonly context: CommandContext;
  readonly channel: Channel;
  readonly deviceTarget: string;
  readonly folder: string;
  readonly seed: number;
  readonly model: string;
}

/** An arm after its training. */
interface TrainedArm {
  readonly arm: QuickstartArm;
  readonly run: trainingV1.Run;
  readonly losses: readonly number[];
  readonly tokensPerSecond: number;
  readonly circuits: number;
}

/** Runs the whole job and returns where the report lies. Errors: cancelled on Ctrl-C, after the daemons have stopped. */
export async function quickstart(
  options: QuickstartOptions,
  context: CommandContext,
): Promise<{ readonly report: Report; readonly file: string }> {
  const { output, signal } = context;
  const watch = createStopwatch(output);
  const folder = path.resolve(
    options.output ?? path.join("runs", `quickstart-${stamp(new Date())}`),
  );
  const work = path.join(folder, "work");
  await mkdir(work, { recursive: true });
  const daemons: SupervisedDaemon[] = [];
  let channel: Channel | undefined;
  try {
    watch.begin(
      "model",
      "plan: model 15 s, four arms 60 s each, evaluation 45 s, chip 40 s, report 5 s (first install and download excluded)",
    );
    const model = absoluteModel(options.model ?? quickstartSettings.model);
    const identity = await pullModel(model, context);
    watch.begin("daemons");
    const device = await start(
      "device-emulator",
      ["--chip", quickstartSettings.chip, "--data-dir", path.join(work, "device")],
      work,
      context,
    );
    daemons.push(device);
    const trainer = await start(
      "trainer-daemon",
      [
        "--data-dir",
        path.join(work, "trainer"),
        "--model",
        model,
        "--device",
        `grpc://${device.address}`,
      ],
      work,
      context,
    );
    daemons.push(trainer);
    output.note(
      `device emulator at ${device.address} (pid ${device.pid}), trainer at ${trainer.address} (pid ${trainer.pid})`,
    );
    channel = createChannel({ target: trainer.address });
    await channel.waitForReady(30_000);
    const session: Session = {
      context,
      channel,
      deviceTarget: `grpc://${device.address}`,
      folder,
      seed: options.seed,
      model,
    };

    const trained: TrainedArm[] = [];
    for (const arm of quickstartArms(model, options.seed)) {
      watch.begin(arm.preset.name);
      trained.push(await trainArm(session, arm));
    }
    watch.begin("evaluation");
    const arms = await evaluateArms(session, trained);
    watch.begin("chip");
    const quantum = trained.find(({ arm }) => isQuantumArm(arm));
    const chip = quantum === undefined ? undefined : await runOnChip(session, quantum);
    watch.begin("report");
    for (const entry of trained) await fetchFiles(session, entry);
    const report = buildReport({
      session: { seed: options.seed, model, identity },
      arms,
      chip,
      resolvedJson: trained[0]?.run.resolvedConfigJson ?? "{}",
    });
    const file = path.join(folder, "report.html");
    await writeFile(file, renderReport(report));
    await writeFile(path.join(folder, "report.json"), `${JSON.stringify(report, null, 2)}\n`);
    watch.end();
    return { report, file };
  } finally {
    channel?.close();
    for (const daemon of daemons.reverse()) await daemon.stop();
    if (!signal.aborted) await rm(work, { recursive: true, force: true });
  }
}

/** Prints what a quickstart found. */
export function printQuickstart(report: Report, file: string): string {
  const chip = report.chip;
  const lines = ["", printTable(report), ""];
  if (chip !== undefined) {
    lines.push(
      `chip: one batch triggered ${chip.tasksPerBatch.toLocaleString("en-US")} quantum tasks, ${chip.parallelMean.toFixed(1)} at a time (at most ${chip.parallelMax}), ${chip.chipSeconds.toFixed(1)} chip seconds, ${chip.shots} shots each`,
      `chip: loss ${chip.lossChip.toFixed(4)} against ${chip.lossExact.toFixed(4)} on the exact simulator`,
      ...chip.gradientSteps.map(
        (step, index) =>
          `chip: gradient step ${index + 1}: ${step.circuits.toLocaleString("en-US")} circuits, cosine to the exact gradient ${step.cosine.toFixed(3)}`,
      ),
      "",
    );
  }
  lines.push(...report.notes.map((note) => `note: ${note}`), "", `report: ${file}`);
  return lines.join("\n");
}

/** The daemon stands in another folder: a local model is named by its whole path. */
function absoluteModel(source: string): string {
  return existsSync(source) ? path.resolve(source) : source;
}

async function pullModel(source: string, { output, signal }: CommandContext): Promise<ModelFacts> {
  const model = await openModel(source, { signal, onProgress: output.progress });
  try {
    let parameters = 0;
    for (const tensor of model.tensors.tensors.values())
      parameters += tensor.shape.reduce((product, dim) => product * dim, 1);
    const sites = linearSites(model.config);
    return {
      sha256: model.identity.sha256,
      source: model.identity.source,
      parameters,
      published: countParameters({ kind: "ABC", rank: 8 }, sites).total,
      reference: countParameters({ kind: "lora", rank: 8 }, sites).total,
    };
  } finally {
    await model.close();
  }
}

function start(
  name: "device-emulator" | "trainer-daemon",
  args: readonly string[],
  work: string,
  { output, signal }: CommandContext,
): Promise<SupervisedDaemon> {
  return superviseDaemon(name, args, {
    signal,
    onRestart: (line) => output.note(line),
    logFile: path.join(work, `${name}.log`),
  });
}

async function trainArm(
  { channel, context, seed }: Session,
  arm: QuickstartArm,
): Promise<TrainedArm> {
  const { output, signal } = context;
  const service = trainingV1.TrainerServiceService;
  const requestId = uuidFrom(seed, arm.slug);
  const created = await channel.unary(
    service.createRun,
    {
      run: trainingV1.Run.fromPartial({
        config: { schema: "qtune.run/1", json: arm.configJson },
        labels: new Map([["arm", arm.preset.name]]),
      }),
      requestId,
    },
    { signal },
  );
  const stop = (): void =>
    void channel.unary(service.cancelRun, { name: created.name }).catch(() => {}); // the daemon stops anyway
  signal.addEventListener("abort", stop, { once: true });
  const losses = new Map<number, number>();
  const speeds: number[] = [];
  let circuits = 0;
  const run = await watchRun(
    channel,
    created.name,
    {
      onMetrics: (metrics) => {
        losses.set(metrics.step, metrics.loss); // a step that is done again after a crash counts once
        speeds.push(metrics.tokensPerSecond);
        circuits = Number(metrics.circuits);
        const eta =
          metrics.remainingSeconds === undefined
            ? ""
            : `  ${Math.ceil(metrics.remainingSeconds)} s left`;
        output.status(
          `${arm.preset.name}: step ${metrics.step}/${metrics.totalSteps}  loss ${metrics.loss.toFixed(4)}  ${Math.round(metrics.tokensPerSecond)} tokens/s${eta}  ${circuits.toLocaleString("en-US")} circuits`,
        );
        if (!process.stderr.isTTY && (metrics.step === 1 || metrics.step % 25 === 0))
          output.note(
            `  step ${metrics.step}/${metrics.totalSteps} loss ${metrics.loss.toFixed(4)} ${Math.round(metrics.tokensPerSecond)} tokens/s ${circuits} circuits`,
          );
      },
      onState: (state) => {
        if (state.state === trainingV1.RunState.RUN_STATE_PAUSED)
          output.note(`  paused: ${state.stateReason}`);
      },
      onProgress: ({ phase, done, total, unit, message }) =>
        output.progress({ phase, done, unit, message, ...(total === undefined ? {} : { total }) }),
    },
    signal,
  );
  signal.removeEventListener("abort", stop);
  const ordered = [...losses].sort(([a], [b]) => a - b).map(([, loss]) => loss);
  return { arm, run, losses: ordered, tokensPerSecond: median(speeds), circuits };
}

async function evaluateArms(
  session: Session,
  trained: readonly TrainedArm[],
): Promise<ReportArm[]> {
  const { channel, context, model } = session;
  const targets = [
    { name: "base model", target: { $case: "model" as const, value: model }, entry: undefined },
    ...trained.map((entry) => ({
      name: entry.arm.preset.name,
      target: { $case: "checkpoint" as const, value: `${entry.run.name}/checkpoints/last` },
      entry,
    })),
  ];
  const reference = Number(trained[0]?.run.result?.trainableParameters ?? 0n);
  const rows: ReportArm[] = [];
  for (const { name, target, entry } of targets) {
    const measure = (task: string, part: string, limit: number): Promise<trainingV1.Evaluation> =>
      evaluate(
        channel,
        {
          target: { target },
          configJson: JSON.stringify({
            task,
            data: "builtin:school-arithmetic",
            part,
            seed: session.seed,
            limit,
          }),
          executorJson: JSON.stringify({ kind: "exact" }),
        },
        ({ phase, done, total, unit }) =>
          context.output.progress({
            phase: `${name}: ${phase}`,
            done,
            unit,
            ...(total === undefined ? {} : { total }),
          }),
        context.signal,
      );
    const loss = await measure("nll", "validation", quickstartSettings.validationItems);
    const known = await measure("arithmetic", "newNumbers", quickstartSettings.testItems);
    const unseen = await measure("arithmetic", "newFrames", quickstartSettings.testItems);
    rows.push(armRow({ name, loss, known, unseen, reference, trained: entry }));
    context.output.note(
      `  ${name}: loss ${rows.at(-1)?.valLoss.toFixed(4)}, strict ${((rows.at(-1)?.strict ?? 0) * 100).toFixed(1)} %`,
    );
  }
  return rows;
}

async function runOnChip(session: Session, { run }: TrainedArm): Promise<ReportChip> {
  const { channel, context, deviceTarget, seed } = session;
  const { chip, shots, examplesPerStep, probe } = quickstartSettings;
  const executorJson = JSON.stringify({ kind: "device", target: deviceTarget, chip, shots, seed });
  const target = {
    target: { $case: "checkpoint" as const, value: `${run.name}/checkpoints/last` },
  };
  const configJson = JSON.stringify({
    task: "nll",
    data: "builtin:school-arithmetic",
    part: "validation",
    seed,
    limit: examplesPerStep,
  });
  const onProgress =
    (label: string) =>
    ({ phase, done, total, unit }: trainingV1.PhaseProgress): void =>
      context.output.progress({
        phase: `${label}: ${phase}`,
        done,
        unit,
        ...(total === undefined ? {} : { total }),
      });
  const exact = await evaluate(
    channel,
    { target, configJson, executorJson: JSON.stringify({ kind: "exact" }) },
    onProgress("exact"),
    context.signal,
  );
  const noisy = await evaluate(
    channel,
    { target, configJson, executorJson },
    onProgress("chip"),
    context.signal,
  );
  const steps = await probeGradient(
    channel,
    {
      checkpoint: `${run.name}/checkpoints/last`,
      module: "",
      tokens: probe.tokens,
      steps: probe.steps,
      executorJson,
    },
    onProgress("gradient on the chip"),
    context.signal,
  );
  return chipRow({ chip, shots, exact, noisy, steps });
}

/** Fetches the final adapter and what TensorBoard reads into the folder of the report. */
async function fetchFiles(
  { channel, folder, context }: Session,
  { arm, run }: TrainedArm,
): Promise<void> {
  const service = trainingV1.TrainerServiceService;
  const options = { signal: context.signal, deadlineMs: 60_000 };
  const target = path.join(folder, "arms", arm.slug);
  await withPatience(context.signal, () =>
    saveChunks(
      path.join(target, "adapter"),
      chunksOf(
        channel.serverStream(
          service.downloadCheckpoint,
          { name: `${run.name}/checkpoints/last`, path: "", offset: 0n },
          options,
        ),
      ),
    ),
  );
  const { files } = await channel.unary(
    service.listRunFiles,
    { parent: run.name, pageSize: 1000, pageToken: "" },
    options,
  );
  const wanted = files.filter(
    (file) => !file.path.includes("checkpoint-") && !file.path.endsWith(".lock"),
  );
  for (const file of wanted) {
    await withPatience(context.signal, () =>
      saveChunks(
        target,
        chunksOf(
          channel.serverStream(
            service.downloadRunFile,
            { name: run.name, path: file.path, offset: 0n },
            options,
          ),
        ),
      ),
    );
  }
}

async function* chunksOf(
  stream: AsyncIterable<{ readonly chunk: trainingV1.FileChunk | undefined }>,
): AsyncGenerator<trainingV1.FileChunk | undefined> {
  for await (const { chunk } of stream) yield chunk;
}

/** A UUID (version 8 layout) that the same run of the same quickstart gets again. */
function uuidFrom(seed: number, slug: string): string {
  const random = createRandom(seed, "quickstart", slug, process.pid);
  const hex = Array.from({ length: 4 }, () =>
    random.nextUint32().toString(16).padStart(8, "0"),
  ).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

function stamp(time: Date): string {
  return time.toISOString().slice(0, 19).replaceAll(/[-:]/g, "").replace("T", "-");
}
