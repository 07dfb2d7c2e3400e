/**
 * Compiles a graph for onnxruntime: optimise, cut into segments, write models and weights, open sessions.
 */
import { writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import path from "node:path";
import { QtuneError, internalError, throwIfAborted } from "@qtune/base";
import * as onnxruntime from "onnxruntime-node";
import type { CompileOptions, Program } from "./api.ts";
import { emitSegment, type EmittedSegment, type WeightPlace } from "./emit.ts";
import type { Graph } from "./graph.ts";
import type { Node, WeightStorage } from "./op.ts";
import { optimise } from "./optimise.ts";
import { encodeOnnxModel } from "./onnx-proto.ts";
import { isSegment, partition, type Partition, type Segment } from "./partition.ts";
import { createProgram, type OpenSegment } from "./program.ts";
import type { Tensor } from "./tensor.ts";
import { openWeightStore, type WeightEncoding, type WeightStore } from "./weight-store.ts";

/**
 * Compiles the nodes that `outputs` need into a program on onnxruntime.
 *
 * Effect: writes model files and weights into the folder of the weight store, which onnxruntime maps.
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
  const store = options.weightStore ?? (await openWeightStore());
  const removeFiles = async (): Promise<void> => {
    if (options.weightStore === undefined) await store.close();
  };
  try {
    const places = await placeWeights(nodes, store, options);
    const segments = await openSegments(parts, places, store, options);
    const weightBytes = [...new Set(places.values())].reduce(
      (sum, { sizeBytes }) => sum + sizeBytes,
      0,
    );
    const compileMs = performance.now() - startedMs;
    return createProgram({
      parts,
      outputs,
      segments,
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

async function placeWeights(
  nodes: readonly Node[],
  store: WeightStore,
  options: CompileOptions,
): Promise<ReadonlyMap<Tensor, WeightPlace>> {
  const places = new Map<Tensor, WeightPlace>();
  for (const node of nodes) {
    const [first, second] = node.outputs;
    if (node.op === "weight" && first !== undefined) {
      const { source, storage } = (node as Node<"weight">).attributes;
      places.set(first, await store.place(source, encodingOf(storage, options), options));
    }
    if (node.op === "quantisedWeight" && first !== undefined && second !== undefined) {
      const { source, format } = (node as Node<"quantisedWeight">).attributes;
      const { packed, scales } = await store.placeQuantised(source, format, options);
      places.set(first, packed).set(second, scales);
    }
    if (node.op === "widenedWeight" && first !== undefined) {
      const { source, format } = (node as Node<"widenedWeight">).attributes;
      const { signal } = options;
      const { packed, scales } = await store.placeQuantised(source, format, {
        order: "columns",
        signal,
      });
      places.set(first, { ...packed, scales });
    }
  }
  return places;
}

function encodingOf(
  storage: WeightStorage,
  { precision = "float32" }: CompileOptions,
): WeightEncoding {
  if (storage === "float") return precision;
  return precision === "float32" ? "float16" : "float16-as-float64";
}

async function openSegments(
  parts: Partition,
  places: ReadonlyMap<Tensor, WeightPlace>,
  store: WeightStore,
  options: CompileOptions,
): Promise<ReadonlyMap<Segment, OpenSegment>> {
  const opened = new Map<Segment, OpenSegment>();
  try {
    for (const segment of parts.steps.filter(isSegment)) {
      throwIfAborted(options.signal);
      const emitted = emitSegment(segment, options.precision ?? "float32", (weight) => {
        const place = places.get(weight);
        if (place === undefined) throw internalError(`${weight.name} was not written`);
        return place;
      });
      opened.set(segment, await openSegment(segment, emitted, store, options));
    }
  } catch (error) {
    for (const { session } of opened.values()) await session.release();
    throw error;
  }
  return opened;
}

async function openSegment(
  segment: Segment,
  emitted: EmittedSegment,
  store: WeightStore,
  options: CompileOptions,
): Promise<OpenSegment> {
  const file = path.join(store.directory, store.nameModel(`${segment.stage}-${segment.level}`));
  await writeFile(file, encodeOnnxModel(emitted.model));
  try {
    const session = await onnxruntime.InferenceSession.create(
      file,
      sessionOptions(file, options, isWidened(segment)),
    );
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

/** Whether weights are kept narrow and widened where they are used. */
function isWidened(segment: Segment): boolean {
  return segment.nodes.some(
    (node) =>
      node.op === "widenedWeight" ||
      (node.op === "weight" && (node as Node<"weight">).attributes.storage === "float16"),
  );
}

/** Narrow weights are widened where they are used: neither folded at load nor kept from one use to the next. */
function disabledOptimisers(isNarrow: boolean): string {
  const always = ["QuickGeluFusion"];
  const forNarrow = ["ConstantFolding", "CommonSubexpressionElimination"];
  return [...always, ...(isNarrow ? forNarrow : [])].join(";");
}

/** Threads do not spin while they wait unless asked to: the host runs circuits between two segments and needs the cores. */
function sessionOptions(
  file: string,
  options: CompileOptions,
  isNarrow: boolean,
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
      // The fused kernel knows no float64 and is four times slower than Sigmoid and Mul (1.30, CPU).
      optimization: { disable_specified_optimizers: disabledOptimisers(isNarrow) },
      session: {
        disable_prepacking: options.prepack === false ? "1" : "0",
        // A product with a widened matrix stays one in floats.
        disable_quant_qdq: isNarrow ? "1" : "0",
        // Never after the last run has returned.
        force_spinning_stop: "1",
        intra_op: { allow_spinning: options.spin === true ? "1" : "0" },
      },
    },
  };
}
