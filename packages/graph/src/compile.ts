/**
 * Compiles a graph for onnxruntime: optimise, cut into segments, write models and weights, open sessions.
 */
import { availableParallelism, tmpdir } from "node:os";
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { QtuneError, throwIfAborted } from "@qtune/base";
import * as onnxruntime from "onnxruntime-node";
import type { CompileOptions, Program } from "./api.ts";
import { emitSegment, type EmittedSegment, type Precision } from "./emit.ts";
import type { Graph } from "./graph.ts";
import type { Node } from "./op.ts";
import { optimise } from "./optimise.ts";
import { encodeOnnxModel } from "./onnx-proto.ts";
import { isSegment, partition, type Partition, type Segment } from "./partition.ts";
import { createProgram, type OpenSegment } from "./program.ts";
import { writeWeightFile, type WeightToWrite } from "./weight-file.ts";

/**
 * Compiles the nodes that `outputs` need into a program on onnxruntime.
 *
 * Effect: writes model files and one file of weights into a temporary folder, which onnxruntime maps; `close` removes it.
 * Cost:   about 3 s for 135M parameters; memory once for mapped weights and once more where they are packed.
 * Errors: invalid_argument when a host operation has no handler; unavailable when a provider does not load, with its reason.
 */
export async function compile(graph: Graph, options: CompileOptions): Promise<Program> {
  const startedMs = performance.now();
  const { nodes, resolve } = optimise(graph.nodes, Object.values(options.outputs));
  const outputs = new Map(
    Object.entries(options.outputs).map(([name, tensor]) => [name, resolve(tensor)]),
  );
  const parts = partition(nodes, [...outputs.values()]);
  assertHandlers(parts, options);
  const precision = options.precision ?? "float32";
  const directory = options.directory ?? (await mkdtemp(path.join(tmpdir(), "qtune-graph-")));
  await mkdir(directory, { recursive: true });
  const removeFiles = async (): Promise<void> => {
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
  };
  try {
    const { segments, weightBytes } = await openSegments(
      nodes,
      parts,
      directory,
      precision,
      options,
    );
    const compileMs = performance.now() - startedMs;
    return createProgram({
      parts,
      outputs,
      segments,
      precision,
      weightBytes,
      compileMs,
      options,
      removeFiles,
    });
  } catch (error) {
    await removeFiles();
    throw error;
  }
}

function assertHandlers(parts: Partition, options: CompileOptions): void {
  for (const step of parts.steps) {
    if (isSegment(step)) continue;
    for (const node of step.nodes) {
      if (options.hostOperations?.[node.attributes.kind] !== undefined) continue;
      throw new QtuneError(
        "invalid_argument",
        `expected a handler of host operation ${node.attributes.kind}`,
        {
          where: "compile.hostOperations",
        },
      );
    }
  }
}

async function openSegments(
  nodes: readonly Node[],
  parts: Partition,
  directory: string,
  precision: Precision,
  options: CompileOptions,
): Promise<{ segments: ReadonlyMap<Segment, OpenSegment>; weightBytes: number }> {
  const weights = nodes
    .filter((node): node is Node<"weight"> => node.op === "weight")
    .flatMap(({ outputs: [tensor], attributes: { source } }): WeightToWrite[] =>
      tensor === undefined ? [] : [{ tensor, source }],
    );
  const weightPath = path.join(directory, "weights.bin");
  const places = await writeWeightFile(
    weightPath,
    "weights.bin",
    weights,
    precision,
    options.signal,
  );
  const opened = new Map<Segment, OpenSegment>();
  try {
    for (const segment of parts.steps.filter(isSegment)) {
      throwIfAborted(options.signal);
      const emitted = emitSegment(segment, precision, (weight) => {
        const place = places.get(weight);
        if (place === undefined)
          throw new QtuneError("internal", `internal: ${weight.name} was not written`);
        return place;
      });
      opened.set(segment, await openSegment(segment, emitted, directory, options));
    }
  } catch (error) {
    for (const { session } of opened.values()) await session.release();
    throw error;
  }
  return { segments: opened, weightBytes: (await stat(weightPath)).size };
}

async function openSegment(
  segment: Segment,
  emitted: EmittedSegment,
  directory: string,
  options: CompileOptions,
): Promise<OpenSegment> {
  const file = path.join(directory, `${segment.stage}-${segment.level}.onnx`);
  await writeFile(file, encodeOnnxModel(emitted.model));
  try {
    const session = await onnxruntime.InferenceSession.create(file, sessionOptions(file, options));
    return {
      session,
      path: file,
      symbols: emitted.symbols,
      outputNames: emitted.outputNames,
      nodes: emitted.model.nodes.length,
    };
  } catch (error) {
    const providers = (options.providers ?? ["cpu"]).join(", ");
    const reason = error instanceof Error ? error.message : String(error);
    throw new QtuneError(
      "unavailable",
      `onnxruntime did not open ${path.basename(file)} on ${providers}: ${reason}`,
      {
        where: "compile",
        cause: error,
      },
    );
  }
}

/** Threads do not spin while they wait: the host runs circuits between two segments and needs the cores. */
function sessionOptions(
  file: string,
  options: CompileOptions,
): onnxruntime.InferenceSession.SessionOptions {
  const threads = options.threads ?? Math.min(8, availableParallelism());
  return {
    executionProviders: [...(options.providers ?? ["cpu"])],
    graphOptimizationLevel: "all",
    executionMode: "sequential",
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    enableProfiling: options.profile === true,
    profileFilePrefix: file,
    logSeverityLevel: 3,
    extra: {
      session: {
        disable_prepacking: options.prepack === false ? "1" : "0",
        intra_op: { allow_spinning: "0" },
      },
    },
  };
}
