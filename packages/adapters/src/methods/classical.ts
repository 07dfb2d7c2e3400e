/**
 * Classical controls that a fair comparison needs beside LoRA: methods that save as many parameters without a circuit.
 * What rewrites the frozen weight itself (DoRA, PiSSA, OFT, QuanTA) is left out: it needs the weight, not only its output.
 */
import { createRandom } from "@qtune/base";
import { type AdapterConfig, scaleOf } from "../adapter-config.ts";
import { type InitRule, drawValues, kaimingUniform, zero } from "../init.ts";
import type { AdapterSite } from "../site.ts";
import { factoriseWidth } from "../tensor-train/modes.ts";
import {
  type TensorTrainShape,
  coreShapes,
  denseTensorTrain,
  pushRows,
} from "../tensor-train/tensor-train.ts";
import { identityMatrix, multiply } from "./matrix.ts";
import type { AdapterMethod } from "./method.ts";

/** IA3 (arXiv 2205.05638): each output is scaled by a learnt factor that starts at 1. */
export const ia3: AdapterMethod = {
  tensors: ({ outFeatures }) => [
    { name: "ia3_l", shape: [outFeatures], role: "matrix", init: { kind: "constant", value: 1 } },
  ],
  build: ({ graph, y, tensor }) => graph.multiply(y, tensor("ia3_l")),
};

/** The random matrices of VeRA: frozen, the same for all modules of a shape, a function of their shape alone. */
function veraProjections(
  { inFeatures, outFeatures }: AdapterSite,
  rank: number,
): { readonly down: Float32Array; readonly up: Float32Array } {
  const draw = (name: string, shape: readonly number[], fanIn: number): Float32Array =>
    drawValues(kaimingUniform(fanIn, 0), shape, createRandom(0, "vera", name, ...shape));
  return {
    down: draw("down", [rank, inFeatures], inFeatures),
    up: draw("up", [outFeatures, rank], rank),
  };
}

/** VeRA (arXiv 2310.11454): y + s Λ_b B Λ_d A x; A and B are random and frozen, two vectors are learnt. */
export const vera: AdapterMethod = {
  tensors: ({ outFeatures }, { rank }) => [
    {
      name: "vera_lambda_d",
      shape: [rank],
      role: "matrix",
      init: { kind: "constant", value: 0.1 },
    },
    { name: "vera_lambda_b", shape: [outFeatures], role: "matrix", init: zero, outputSide: true },
  ],
  build({ graph, site, config, x, y, tensor }) {
    const { rank } = config;
    const { down, up } = veraProjections(site, rank);
    const h = graph.linear(x, graph.constant(down, [rank, site.inFeatures])); // [T, r]
    const z = graph.multiply(h, tensor("vera_lambda_d"));
    const update = graph.linear(z, graph.constant(up, [site.outFeatures, rank])); // [T, o]
    return graph.add(
      y,
      graph.multiply(graph.multiply(update, tensor("vera_lambda_b")), scaleOf(config)),
    );
  },
  update(site, config, value) {
    const { rank } = config;
    const { down, up } = veraProjections(site, rank);
    const [d, b] = [value("vera_lambda_d"), value("vera_lambda_b")];
    return {
      rank,
      a: Float64Array.from(
        down,
        (element, at) => element * (d[Math.floor(at / site.inFeatures)] ?? 0),
      ),
      b: Float64Array.from(up, (element, at) => element * (b[Math.floor(at / rank)] ?? 0)),
      scale: scaleOf(config),
    };
  },
};

/** Splits a width into two factors, the first at most √width: the small and the large side of a Kronecker product. */
function twoFactors(width: number): readonly [number, number] {
  let small = Math.floor(Math.sqrt(width));
  while (width % small !== 0) small -= 1;
  return [small, width / small];
}

/** Shapes of LoKr: A [a1, a2]; B [b1, b2] as a product of rank r. */
function lokrShape({ inFeatures, outFeatures }: AdapterSite): {
  readonly a: readonly [number, number];
  readonly b: readonly [number, number];
} {
  const [a1, b1] = twoFactors(outFeatures);
  const [a2, b2] = twoFactors(inFeatures);
  return { a: [a1, a2], b: [b1, b2] };
}

/** LoKr (arXiv 2309.14859): y + s (A ⊗ B) x with B = B1 B2 of rank r; B1 starts at zero. */
export const lokr: AdapterMethod = {
  tensors(site, { rank }) {
    const { a, b } = lokrShape(site);
    return [
      { name: "lokr_A", shape: a, role: "matrix", init: kaimingUniform(a[1], Math.sqrt(5)) },
      {
        name: "lokr_B2",
        shape: [rank, b[1]],
        role: "matrix",
        init: kaimingUniform(b[1], Math.sqrt(5)),
      },
      { name: "lokr_B1", shape: [b[0], rank], role: "matrix", init: zero, outputSide: true },
    ];
  },
  build({ graph, site, config, x, y, tensor }) {
    const { a, b } = lokrShape(site);
    const T = x.shape[0] ?? 1;
    const rows = graph.reshape(x, [T, a[1], b[1]]);
    const inner = graph.linear(graph.linear(rows, tensor("lokr_B2")), tensor("lokr_B1")); // [T, a2, b1]
    const outer = graph.linear(graph.transpose(inner, [0, 2, 1]), tensor("lokr_A")); // [T, b1, a1]
    const update = graph.reshape(graph.transpose(outer, [0, 2, 1]), [T, a[0] * b[0]]);
    return graph.add(y, graph.multiply(update, scaleOf(config)));
  },
  update(site, config, value) {
    const { a, b } = lokrShape(site);
    const A = value("lokr_A");
    const B = multiply(value("lokr_B1"), value("lokr_B2"), [b[0], config.rank, b[1]]);
    const dense = new Float64Array(site.outFeatures * site.inFeatures);
    for (let row = 0; row < site.outFeatures; row++) {
      for (let column = 0; column < site.inFeatures; column++) {
        const outer = A[Math.floor(row / b[0]) * a[1] + Math.floor(column / b[1])]!; // [a1, a2]
        dense[row * site.inFeatures + column] = outer * B[(row % b[0]) * b[1] + (column % b[1])]!; // [b1, b2]
      }
    }
    return fullRank(dense, site, config);
  },
};

/** A dense update as two matrices: the identity times it. */
function fullRank(dense: Float64Array, { outFeatures }: AdapterSite, config: AdapterConfig) {
  return {
    rank: outFeatures,
    a: dense,
    b: Float64Array.from(identityMatrix(outFeatures)),
    scale: scaleOf(config),
  };
}

/** The TT-matrix of a site: input modes to output modes, with the ranks of the configuration. */
function ttShape(site: AdapterSite, { mpo }: AdapterConfig): TensorTrainShape {
  const count = mpo.bottleneck.length;
  const modesOf = (width: number): readonly number[] =>
    mpo.modes?.[width] ?? factoriseWidth(width, count);
  return { input: modesOf(site.inFeatures), output: modesOf(site.outFeatures), ranks: mpo.ranks };
}

/** The whole update as one TT-matrix (TT-LoRA; LoRETTA, arXiv 2402.11417): the classical control of the tensor network. */
export const tensorTrain: AdapterMethod = {
  tensors(site, config) {
    const cores = coreShapes(ttShape(site, config));
    return cores.map((core, k) => ({
      name: `tt_core.${k}`,
      shape: [core.rows, core.columns],
      role: "tensor-train",
      init: k === cores.length - 1 ? zero : coreInit(core.columns, k),
      ...(k === cores.length - 1 ? { outputSide: true } : {}),
    }));
  },
  build({ graph, site, config, x, y, tensor }) {
    const shape = ttShape(site, config);
    const cores = shape.input.map((_, k) => tensor(`tt_core.${k}`));
    const identity = graph.constant(identityMatrix(site.inFeatures), [
      site.inFeatures,
      site.inFeatures,
    ]);
    const dense = pushRows(graph, identity, cores, shape); // [i, o], once per step
    return graph.add(y, graph.multiply(graph.matMul(x, dense), scaleOf(config)));
  },
  update(site, config, value) {
    const shape = ttShape(site, config);
    const dense = denseTensorTrain(
      shape.input.map((_, k) => value(`tt_core.${k}`)),
      shape,
    );
    return fullRank(dense, site, config);
  },
};

/** Keeps the signal, and lets LoRA's 1/√3 of it into the last core. */
function coreInit(columns: number, k: number): InitRule {
  return { kind: "normal", standardDeviation: Math.sqrt((k === 0 ? 1 / 3 : 1) / columns) };
}
