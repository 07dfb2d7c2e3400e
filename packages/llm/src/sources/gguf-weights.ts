/** Weights of a GGUF file under their Hugging Face names and in their Hugging Face order of rows. */
import type { GgufFile, TensorSet, TensorSource } from "@qtune/weights";
import type { ModelConfig } from "../config/model-config.ts";
import { listWeights } from "../config/weight-names.ts";
import { ggufRowOf, reorderRows } from "./rotated-rows.ts";

/** Renames the tensors of a GGUF file; what is missing is left out and found by assertWeights. */
export function ggufWeights(gguf: GgufFile, config: ModelConfig): TensorSet {
  const tensors = new Map<string, TensorSource>();
  for (const { hf, gguf: name, rotatedHeads } of listWeights(config)) {
    const source = gguf.tensors.get(name);
    if (source === undefined) continue;
    const rows = source.shape[0] ?? 0;
    tensors.set(
      hf,
      rotatedHeads > 0
        ? reorderRows(source, hf, ggufRowOf(rows, rotatedHeads))
        : { ...source, name: hf },
    );
  }
  return { tensors, metadata: {}, close: () => gguf.close() };
}
