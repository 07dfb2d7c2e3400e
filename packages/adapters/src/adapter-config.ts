/** What an adapter is: one plain value, the same in run configurations, adapter files and code. */
import { QtuneError } from "@qtune/base";
import type { AnsatzKind } from "@qtune/quantum-layer";

/** Architectures of QTHA by their letters: A tensor network, B matrices, C circuit; BD, BE, BF put SiLU layers in its place. */
export type QthaKind = "A" | "B" | "C" | "AB" | "BC" | "ABC" | "BD" | "BE" | "BF";

/** Classical methods that save parameters too: the controls of a fair comparison. */
export type ControlKind = "vera" | "lokr" | "tt" | "ia3";

/** Every kind of adapter. */
export type AdapterKind = "lora" | QthaKind | ControlKind;

/** How the classical and the quantum branch join: `C h + Q q`, or their product element by element (version 1). */
export type Fusion = "linear" | "hadamard";

/** Where an adapter starts. `published`: the released code; `lora`: LoRA's bound for every matrix; `matched`: equal signals. */
export type InitKind = "published" | "lora" | "matched";

/** Settings of the tensor network. */
export interface TensorTrainConfig {
  /** Modes of the bottleneck between the two networks, e.g. [4, 4, 2, 2]; their product is its width. */
  readonly bottleneck: readonly number[];
  /** Bond dimensions, one more than modes, the outer two 1. */
  readonly ranks: readonly number[];
  /** Modes of a width that are used instead of the table's, by width. */
  readonly modes?: Readonly<Record<number, readonly number[]>> | undefined;
}

/** An adapter with every default filled in. */
export interface AdapterConfig {
  readonly kind: AdapterKind;
  /** r: rows of the bottleneck, and qubits of the circuit. */
  readonly rank: number;
  /** The update is scaled by alpha / rank, or alpha / √rank with `rslora`. */
  readonly alpha: number;
  readonly rslora: boolean;
  /** Modules to adapt: names that end a path, one regular expression over the full path, or `all-linear`. */
  readonly targets: readonly string[] | string;
  /** Layers to adapt; absent: all. */
  readonly layers?: readonly number[] | undefined;
  /** Layers that take plain LoRA of the same rank instead. */
  readonly classicalLayers: readonly number[];
  /** L: blocks of the circuit. */
  readonly qlayers: number;
  readonly ansatz: AnsatzKind;
  readonly fusion: Fusion;
  readonly mpo: TensorTrainConfig;
  readonly init: InitKind;
  /** Factor of the learning rate of the output side (LoRA+). 1: none. */
  readonly loraPlusRatio: number;
}

/** An adapter as people write it. */
export type AdapterOptions = Partial<AdapterConfig> & Pick<AdapterConfig, "kind" | "rank">;

/** The published tensor network. */
export const publishedTensorTrain: TensorTrainConfig = {
  bottleneck: [4, 4, 4, 4],
  ranks: [1, 8, 8, 8, 1],
};

const qthaKinds: readonly QthaKind[] = ["A", "B", "C", "AB", "BC", "ABC", "BD", "BE", "BF"];

/** All kinds, in the order of the documentation. */
export const adapterKinds: readonly AdapterKind[] = [
  "lora",
  ...qthaKinds,
  "vera",
  "lokr",
  "tt",
  "ia3",
];

/** Tells whether a kind contains a circuit. */
export function hasCircuit(kind: AdapterKind): boolean {
  return kind === "C" || kind === "BC" || kind === "ABC";
}

/** Tells whether a kind contains a tensor network. */
export function hasTensorTrain(kind: AdapterKind): boolean {
  return kind === "A" || kind === "AB" || kind === "ABC" || kind === "tt";
}

/** Tells whether the update is a matrix that can be added to the weight. */
export function isLinearKind(kind: AdapterKind): boolean {
  return !hasCircuit(kind) && !["BD", "BE", "BF", "ia3"].includes(kind);
}

/**
 * Fills in defaults: alpha 2r, targets q_proj and v_proj, one circuit block on a ring, linear fusion, the published
 * tensor network, matched initialisation.
 *
 * Errors: invalid_argument for settings that contradict each other; out_of_range for sizes.
 */
export function resolveAdapterConfig(options: AdapterOptions): AdapterConfig {
  const config: AdapterConfig = {
    kind: options.kind,
    rank: options.rank,
    alpha: options.alpha ?? 2 * options.rank,
    rslora: options.rslora ?? false,
    targets: options.targets ?? ["q_proj", "v_proj"],
    layers: options.layers,
    classicalLayers: options.classicalLayers ?? [],
    qlayers: options.qlayers ?? 1,
    ansatz: options.ansatz ?? "ring",
    fusion: options.fusion ?? "linear",
    mpo: options.mpo ?? publishedTensorTrain,
    init: options.init ?? "matched",
    loraPlusRatio: options.loraPlusRatio ?? 1,
  };
  assertConsistent(config);
  return config;
}

/** Returns the factor of the update. */
export function scaleOf(config: Pick<AdapterConfig, "alpha" | "rank" | "rslora">): number {
  return config.alpha / (config.rslora ? Math.sqrt(config.rank) : config.rank);
}

function assertConsistent(config: AdapterConfig): void {
  const fail = (where: string, message: string): never => {
    throw new QtuneError("invalid_argument", message, { where: `adapter.${where}` });
  };
  if (!adapterKinds.includes(config.kind)) {
    fail("kind", `expected one of ${adapterKinds.join(", ")} but was given ${String(config.kind)}`);
  }
  if (!Number.isInteger(config.rank) || config.rank < 1) {
    fail("rank", `expected a positive integer but was given ${config.rank}`);
  }
  if (hasCircuit(config.kind) && config.rank < 2) {
    fail(
      "rank",
      `expected 2 or more for a circuit, which has one qubit per row, but was given ${config.rank}`,
    );
  }
  if (config.fusion === "hadamard" && config.kind !== "BC" && config.kind !== "ABC") {
    fail("fusion", `expected BC or ABC for a product of branches but the kind is ${config.kind}`);
  }
  if (!hasTensorTrain(config.kind)) return;
  const { bottleneck, ranks } = config.mpo;
  if (ranks.length !== bottleneck.length + 1 || ranks[0] !== 1 || ranks.at(-1) !== 1) {
    fail(
      "mpo.ranks",
      `expected ${bottleneck.length + 1} ranks from 1 to 1 for ${bottleneck.length} modes but was given [${ranks.join(", ")}]`,
    );
  }
}
