/**
 * Cuts a list of nodes into segments: one per stage and host level, with what flows between them.
 *
 * The level of a value counts the host operations before it, so all host operations of one level can run together between
 * two segments. Nodes that depend on weights and constants alone are repeated in each segment that needs them; onnxruntime
 * folds them.
 */
import type { Node } from "./op.ts";
import type { Stage, Tensor } from "./tensor.ts";

/** Stages that run as segments, in order. */
export type RunStage = Exclude<Stage, "constant">;

/** Nodes that run in one session. */
export interface Segment {
  readonly stage: RunStage;
  readonly level: number;
  readonly nodes: readonly Node[];
  /** Values that come from feeds, other segments, the host or the sums over runs. */
  readonly inputs: readonly Tensor[];
  /** Values that others need. */
  readonly outputs: readonly Tensor[];
}

/** Host operations that run together, after the segment of their level. */
export interface HostLevel {
  readonly stage: RunStage;
  readonly level: number;
  readonly nodes: readonly Node<"hostOperation">[];
}

/** A program as a sequence. */
export interface Partition {
  /** Segments and host levels in order of execution. */
  readonly steps: readonly (Segment | HostLevel)[];
  readonly inputs: readonly Tensor[];
  readonly parameters: readonly Tensor[];
  /** Cotangents to sum over runs, each with the value that stands for the sum. */
  readonly sums: readonly { readonly term: Tensor; readonly sum: Tensor }[];
}

/** Tells a segment from a host level. */
export function isSegment(step: Segment | HostLevel): step is Segment {
  return "inputs" in step;
}

const sources = new Set([
  "input",
  "parameter",
  "weight",
  "quantisedWeight",
  "widenedWeight",
  "constant",
  "accumulate",
  "hostOperation",
]);
const runStages: readonly RunStage[] = ["step", "batch", "gradient"];

/** Cuts nodes, given in an order of execution, into segments. */
export function partition(nodes: readonly Node[], outputs: readonly Tensor[]): Partition {
  const producers = new Map(
    nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)),
  );
  const levels = levelsOf(nodes);
  const home = (tensor: Tensor): string => `${stageOf(tensor)}/${levels.get(tensor) ?? 0}`;
  const isComputed = (tensor: Tensor): boolean =>
    !sources.has(producers.get(tensor)?.op ?? "input");
  const places = new Map<string, Node[]>();
  const exported = new Map<string, Set<Tensor>>();
  const put = <T>(map: Map<string, T>, key: string, empty: T): T => {
    const known = map.get(key);
    if (known === undefined) map.set(key, empty);
    return known ?? empty;
  };
  /** Follows reshapes to the value they show: a segment repeats them, so that no value flows twice. */
  const unshaped = (tensor: Tensor): Tensor => {
    const producer = producers.get(tensor);
    const [source] = producer?.inputs ?? [];
    return producer?.op === "reshape" && source !== undefined && source.stage !== "constant"
      ? unshaped(source)
      : tensor;
  };
  /** Marks a value that is needed outside its own segment; constants are then made in the first step segment. */
  const needOutside = (tensor: Tensor): void => {
    if (tensor.stage === "constant" || isComputed(tensor))
      put(exported, home(tensor), new Set<Tensor>()).add(tensor);
  };
  for (const node of nodes) {
    const [output] = node.outputs;
    if (output === undefined) continue;
    if (node.op === "hostOperation" || node.op === "accumulate") node.inputs.forEach(needOutside);
    if (sources.has(node.op) || output.stage === "constant") continue;
    put(places, home(output), []).push(node);
    for (const input of node.inputs) {
      if (input.stage !== "constant" && home(input) !== home(output)) needOutside(unshaped(input));
    }
  }
  outputs.forEach(needOutside);
  const steps: (Segment | HostLevel)[] = [];
  for (const stage of runStages) {
    for (let level = 0; level <= Math.max(0, ...levels.values()); level++) {
      const key = `${stage}/${level}`;
      const own = places.get(key) ?? [];
      const out = [...(exported.get(key) ?? [])];
      if (own.length > 0 || out.length > 0)
        steps.push(makeSegment(stage, level, own, out, producers, home));
      const host = nodes.filter((node): node is Node<"hostOperation"> => {
        if (node.op !== "hostOperation") return false;
        const [result] = node.outputs;
        return (
          result !== undefined &&
          stageOf(result) === stage &&
          (levels.get(result) ?? 1) === level + 1
        );
      });
      if (host.length > 0) steps.push({ stage, level, nodes: host });
    }
  }
  const named = (op: Node["op"]): readonly Tensor[] =>
    nodes.filter((node) => node.op === op).flatMap((node) => node.outputs);
  const sums = nodes.flatMap(({ op, inputs: [term], outputs: [sum] }) =>
    op === "accumulate" && term !== undefined && sum !== undefined ? [{ term, sum }] : [],
  );
  return { steps, inputs: named("input"), parameters: named("parameter"), sums };
}

/** Constants that are needed outside a segment are made once per program, with the parameters. */
function stageOf(tensor: Tensor): RunStage {
  return tensor.stage === "constant" ? "step" : tensor.stage;
}

/** Counts the host operations before each value, inside its stage. */
function levelsOf(nodes: readonly Node[]): ReadonlyMap<Tensor, number> {
  const levels = new Map<Tensor, number>();
  for (const node of nodes) {
    const [first] = node.outputs;
    if (first === undefined) continue;
    const stage = stageOf(first);
    const before = node.inputs.map((input) =>
      stageOf(input) === stage ? (levels.get(input) ?? 0) : 0,
    );
    const level = sources.has(node.op) && node.op !== "hostOperation" ? 0 : Math.max(0, ...before);
    for (const output of node.outputs)
      levels.set(output, node.op === "hostOperation" ? level + 1 : level);
  }
  return levels;
}

function makeSegment(
  stage: RunStage,
  level: number,
  own: readonly Node[],
  outputs: readonly Tensor[],
  producers: ReadonlyMap<Tensor, Node>,
  home: (tensor: Tensor) => string,
): Segment {
  const nodes: Node[] = [];
  const placed = new Set<Node>();
  /** Places the constant nodes and foreign reshapes that a value needs, then the node itself. */
  const place = (node: Node): void => {
    if (placed.has(node)) return;
    placed.add(node);
    for (const input of node.inputs) placeRepeated(input);
    nodes.push(node);
  };
  const placeRepeated = (tensor: Tensor): void => {
    const producer = producers.get(tensor);
    if (producer === undefined) return;
    const isForeign = producer.op === "reshape" && home(tensor) !== `${stage}/${level}`;
    if (tensor.stage === "constant" || isForeign) place(producer);
  };
  own.forEach(place);
  outputs.forEach(placeRepeated);
  const made = new Set(nodes.flatMap((node) => node.outputs));
  const inputs = new Set(nodes.flatMap((node) => node.inputs).filter((input) => !made.has(input)));
  return { stage, level, nodes, inputs: [...inputs], outputs };
}
