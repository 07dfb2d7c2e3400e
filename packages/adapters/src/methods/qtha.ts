/**
 * The architectures of QTHA (arXiv 2503.12790; released code QLLM-peft, November 2025): a bottleneck of r values per
 * token, fed by a matrix A or by a tensor network MPO_A with a matrix M_A, changed by C, a circuit or SiLU layers, and
 * led back by B, or by M_B and MPO_B.
 *
 *   h = A_eff x;   z = C h + Q q(h)  (or C h ∘ Q q, or C h + N…);   y + s B_eff z
 *
 * The tensor networks are linear, so A_eff = M_A MPO_A and B_eff = MPO_B M_B are formed once per optimiser step by
 * pushing r rows through the cores; per token an adapter then costs what LoRA costs, plus r × r, plus the circuit.
 */
import { countAnsatzWeights } from "@qtune/quantum-layer";
import type { Tensor } from "@qtune/graph";
import { type AdapterConfig, hasCircuit, hasTensorTrain, scaleOf } from "../adapter-config.ts";
import { type InitRule, kaimingUniform, zero } from "../init.ts";
import type { AdapterSite } from "../site.ts";
import { factoriseWidth } from "../tensor-train/modes.ts";
import {
  type TensorTrainShape,
  coreShapes,
  denseTensorTrain,
  pushRows,
  pushRowsTransposed,
} from "../tensor-train/tensor-train.ts";
import { lowerCircuit } from "./lowered-circuit.ts";
import { identityMatrix, multiply } from "./matrix.ts";
import type { AdapterMethod, BuildContext, TensorSpec } from "./method.ts";

/** Key of the host operation that runs the circuits: inputs h [T, r] and theta [P], output ⟨Z⟩ [T, r]. */
export const quantumLayerKind = "quantum-layer";

/** Standard deviation of ⟨Z⟩ over random weights for one block, inputs N(0, 1); it falls with the square root of L. */
const circuitSignal = 0.52;

/** Root mean square of LoRA's A x for x ~ N(0, I): what a matched start lets into each zero-initialised factor. */
const matchedSignal = 1 / Math.sqrt(3);

/** Number of SiLU layers of the classical controls. */
const siluLayers: Readonly<Partial<Record<AdapterConfig["kind"], number>>> = {
  BD: 1,
  BE: 2,
  BF: 3,
};

/** Returns the shapes of the two tensor networks of a site: i → bottleneck and bottleneck → o. */
export function tensorTrainShapes(
  site: AdapterSite,
  config: AdapterConfig,
): { readonly down: TensorTrainShape; readonly up: TensorTrainShape } {
  const { bottleneck, ranks, modes } = config.mpo;
  const modesOf = (width: number): readonly number[] =>
    modes?.[width] ?? factoriseWidth(width, bottleneck.length);
  return {
    down: { input: modesOf(site.inFeatures), output: bottleneck, ranks },
    up: { input: bottleneck, output: modesOf(site.outFeatures), ranks },
  };
}

/** Width of the bottleneck between the networks. */
function bottleneckWidth(config: AdapterConfig): number {
  return config.mpo.bottleneck.reduce((product, mode) => product * mode, 1);
}

function coreSpecs(
  name: string,
  shape: TensorTrainShape,
  init: (columns: number, k: number) => InitRule,
): TensorSpec[] {
  return coreShapes(shape).map((core, k) => ({
    name: `${name}.${k}`,
    shape: [core.rows, core.columns],
    role: "tensor-train",
    init: init(core.columns, k),
    ...(name === "qx_mpo_B" ? { outputSide: true } : {}),
  }));
}

/** Initial values by kind of start; the factor that leads back is zero in each. */
function inits(config: AdapterConfig): {
  core(columns: number): InitRule;
  matrix(fanIn: number): InitRule;
  readonly classical: InitRule;
  readonly quantum: InitRule;
  readonly leadBack: InitRule;
} {
  const { rank, kind, fusion, init } = config;
  if (init === "matched") {
    const lively = circuitSignal / Math.sqrt(config.qlayers);
    // Where the circuit is the only branch, or a factor of the other, it must carry the signal; else it starts silent.
    const quantum: InitRule =
      kind === "C"
        ? { kind: "identity", value: matchedSignal / lively }
        : fusion === "hadamard"
          ? { kind: "identity", value: 1 / lively }
          : zero;
    return {
      core: (columns) => ({ kind: "normal", standardDeviation: 1 / Math.sqrt(columns) }),
      matrix: (fanIn) => kaimingUniform(fanIn, Math.sqrt(5)),
      classical: { kind: "identity", value: 1 },
      quantum,
      leadBack: { kind: "uniform", bound: Math.sqrt(3 / rank) },
    };
  }
  const a = init === "published" ? 0 : Math.sqrt(5);
  return {
    core: (columns) => ({
      kind: "normal",
      standardDeviation: Math.sqrt((init === "published" ? 2 : 1) / columns),
    }),
    matrix: (fanIn) => kaimingUniform(fanIn, a),
    classical: kaimingUniform(rank, a),
    quantum: kaimingUniform(rank, a),
    leadBack: kaimingUniform(rank, a),
  };
}

/** The tensor network alone starts with the matched signal in its last core where that is asked for. */
function firstCoreInit(config: AdapterConfig, rule: InitRule): InitRule {
  if (config.kind !== "A" || config.init !== "matched" || rule.kind !== "normal") return rule;
  return { kind: "normal", standardDeviation: rule.standardDeviation * matchedSignal };
}

function tensors(site: AdapterSite, config: AdapterConfig): readonly TensorSpec[] {
  const { kind, rank } = config;
  const init = inits(config);
  const square = (name: string, rule: InitRule): TensorSpec => ({
    name,
    shape: [rank, rank],
    role: "matrix",
    init: rule,
  });
  const specs: TensorSpec[] = [];
  if (hasTensorTrain(kind)) {
    const { down, up } = tensorTrainShapes(site, config);
    const width = bottleneckWidth(config);
    const last = up.input.length - 1;
    specs.push(
      ...coreSpecs("qx_mpo_A", down, (columns, k) =>
        k === 0 ? firstCoreInit(config, init.core(columns)) : init.core(columns),
      ),
      ...coreSpecs("qx_mpo_B", up, (columns, k) => (k === last ? zero : init.core(columns))),
    );
    if (kind !== "A") {
      specs.push(
        { name: "qx_M_A", shape: [rank, width], role: "matrix", init: init.matrix(width) },
        {
          name: "qx_M_B",
          shape: [width, rank],
          role: "matrix",
          init: init.leadBack,
          outputSide: true,
        },
      );
    }
  } else {
    specs.push(
      {
        name: "qx_A",
        shape: [rank, site.inFeatures],
        role: "matrix",
        init: init.matrix(site.inFeatures),
      },
      {
        name: "qx_B",
        shape: [site.outFeatures, rank],
        role: "matrix",
        init: zero,
        outputSide: true,
      },
    );
  }
  if (kind !== "A" && kind !== "C") specs.push(square("qx_C", init.classical));
  if (hasCircuit(kind)) {
    const P = countAnsatzWeights({ n: rank, layers: config.qlayers, ansatz: config.ansatz });
    specs.push(square("qx_Q", init.quantum), {
      name: "qx_theta",
      shape: [P],
      role: "circuit",
      init: { kind: "uniform", bound: Math.PI },
    });
  }
  const layers = siluLayers[kind];
  if (layers !== undefined) {
    for (let k = 0; k <= layers; k++) {
      specs.push(square(`qx_N.${k}`, k === layers ? zero : init.matrix(rank)));
    }
  }
  return specs;
}

/** Returns A_eff [r, i] and the transpose of B_eff [r, o] as tensors of the graph, formed once per step. */
function fold(context: BuildContext): { readonly down: Tensor; readonly up: Tensor } {
  const { graph, site, config, tensor } = context;
  if (!hasTensorTrain(config.kind))
    return { down: tensor("qx_A"), up: graph.transpose(tensor("qx_B")) };
  const { down, up } = tensorTrainShapes(site, config);
  const coresA = down.input.map((_, k) => tensor(`qx_mpo_A.${k}`));
  const coresB = up.input.map((_, k) => tensor(`qx_mpo_B.${k}`));
  if (config.kind === "A") {
    const identity = graph.constant(identityMatrix(bottleneckWidth(config)), [
      bottleneckWidth(config),
      bottleneckWidth(config),
    ]);
    return {
      down: pushRowsTransposed(graph, identity, coresA, down),
      up: pushRows(graph, identity, coresB, up),
    };
  }
  return {
    down: pushRowsTransposed(graph, tensor("qx_M_A"), coresA, down),
    up: pushRows(graph, graph.transpose(tensor("qx_M_B")), coresB, up),
  };
}

/** Returns ⟨Z⟩ [T, r] of the circuit with angles h. */
function runCircuit(
  { graph, site, config, loweredBlocks, tensor }: BuildContext,
  h: Tensor,
): Tensor {
  if (loweredBlocks !== undefined) return lowerCircuit(graph, h, loweredBlocks, config.rank);
  const [q] = graph.hostOperation({
    kind: quantumLayerKind,
    inputs: [h, tensor("qx_theta")],
    outputs: [{ dtype: "float", shape: h.shape }],
    attributes: {
      path: site.path,
      layer: site.layer,
      module: site.module,
      n: config.rank,
      layers: config.qlayers,
      ansatz: config.ansatz,
    },
  });
  return q ?? h; // the operation has one output
}

/** Returns z from h: what happens inside the bottleneck. */
function bottleneck(context: BuildContext, h: Tensor): Tensor {
  const { graph, config, tensor } = context;
  const { kind } = config;
  if (kind === "A") return h;
  const classical = kind === "C" ? undefined : graph.linear(h, tensor("qx_C"));
  if (hasCircuit(kind)) {
    const quantum = graph.linear(runCircuit(context, h), tensor("qx_Q"));
    if (classical === undefined) return quantum;
    return config.fusion === "linear"
      ? graph.add(classical, quantum)
      : graph.multiply(classical, quantum);
  }
  const layers = siluLayers[kind];
  if (layers === undefined || classical === undefined) return classical ?? h;
  let bent = graph.linear(h, tensor("qx_N.0"));
  for (let k = 1; k <= layers; k++) bent = graph.linear(graph.silu(bent), tensor(`qx_N.${k}`));
  return graph.add(classical, bent);
}

/** All architectures of QTHA. */
export const qtha: AdapterMethod = {
  tensors,
  build(context) {
    const { graph, config, x, y } = context;
    const { down, up } = fold(context);
    const h = graph.linear(x, down); // [T, r]
    const z = bottleneck(context, h); // [T, r]
    return graph.add(y, graph.multiply(graph.matMul(z, up), scaleOf(config))); // [T, o]
  },
};

/** The architectures that are linear in x: their update is a product of two matrices. */
export const linearQtha: AdapterMethod = {
  ...qtha,
  update(site, config, value) {
    const scale = scaleOf(config);
    const { rank, kind } = config;
    const { inFeatures: i, outFeatures: o } = site;
    if (kind === "B") {
      return {
        rank,
        a: Float64Array.from(value("qx_A")),
        b: multiply(value("qx_B"), value("qx_C"), [o, rank, rank]),
        scale,
      };
    }
    const { down, up } = tensorTrainShapes(site, config);
    const width = bottleneckWidth(config);
    const denseA = denseTensorTrain(
      down.input.map((_, k) => value(`qx_mpo_A.${k}`)),
      down,
    ); // [width, i]
    const denseB = denseTensorTrain(
      up.input.map((_, k) => value(`qx_mpo_B.${k}`)),
      up,
    ); // [o, width]
    if (kind === "A") return { rank: width, a: denseA, b: denseB, scale };
    const leadBack = multiply(denseB, value("qx_M_B"), [o, width, rank]); // B_eff
    return {
      rank,
      a: multiply(value("qx_M_A"), denseA, [rank, width, i]),
      b: multiply(leadBack, value("qx_C"), [o, rank, rank]),
      scale,
    };
  },
};
