/**
 * The op table: each operation once, with shape rule, reference evaluation, ONNX emission and derivative.
 *
 * The type is exhaustive over {@link OpAttributes}, so an operation without a derivative does not compile; one that has
 * none by nature says why with `notDifferentiable`. The rows live in `ops/`, grouped by subject.
 */
import type { OpAttributes, OpName, OpRow } from "./op.ts";
import { attentionOps } from "./ops/attention.ts";
import { elementwiseOps } from "./ops/elementwise.ts";
import { layoutOps } from "./ops/layout.ts";
import { linearOps } from "./ops/linear.ts";
import { normOps } from "./ops/norm.ts";
import { quantisedOps } from "./ops/quantised.ts";
import { reduceOps } from "./ops/reduce.ts";
import { sourceOps } from "./ops/source.ts";

/** A table with one row per operation name. */
export type OpTable = { readonly [Name in OpName]: OpRow<OpAttributes[Name]> };

/** All operations. */
export const opTable: OpTable = {
  ...sourceOps,
  ...elementwiseOps,
  ...layoutOps,
  ...linearOps,
  ...quantisedOps,
  ...reduceOps,
  ...normOps,
  ...attentionOps,
};

/** Returns the row of an operation, seen without the type of its attributes. */
export function rowOf(name: OpName): OpRow<OpAttributes[OpName]> {
  // Each row is only ever called with the attributes of its own name, which the builder guarantees.
  return opTable[name] as OpRow<OpAttributes[OpName]>;
}
