/** Files of a trained adapter in a published format. */
import { saveAdapter, toLora } from "@qtune/adapters";
import { QtuneError } from "@qtune/base";
import { trainingV1 } from "@qtune/contracts";
import type { EvaluationTarget } from "@qtune/trainer";

const { ExportFormat } = trainingV1;

/**
 * Writes an export into an empty folder.
 *
 * Errors: failed_precondition where the adapter is not linear in its input, with the reason; unimplemented for formats
 *         that this daemon does not write.
 */
export async function exportCheckpoint(
  target: EvaluationTarget,
  request: {
    readonly format: trainingV1.ExportFormat;
    readonly merge: boolean;
    readonly directory: string;
  },
): Promise<void> {
  const { adapter, model } = target;
  if (adapter === undefined) {
    throw new QtuneError("invalid_argument", "expected a checkpoint with an adapter", {
      where: "name",
    });
  }
  if (request.merge) {
    throw new QtuneError(
      "unimplemented",
      "this daemon exports adapters; `qtune merge` merges a downloaded one into its model",
      { where: "merge" },
    );
  }
  const provenance = { base: { name: model.identity.source, sha256: model.identity.sha256 } };
  switch (request.format) {
    case ExportFormat.EXPORT_FORMAT_SAFETENSORS:
      return saveAdapter(request.directory, adapter.adapter, adapter.values, provenance);
    case ExportFormat.EXPORT_FORMAT_PEFT: {
      const lora =
        adapter.adapter.config.kind === "lora" ? adapter : toLora(adapter.adapter, adapter.values);
      return saveAdapter(request.directory, lora.adapter, lora.values, provenance);
    }
    default:
      throw new QtuneError(
        "unimplemented",
        "expected PEFT or SAFETENSORS; `qtune export` writes GGUF from a downloaded adapter",
        { where: "format" },
      );
  }
}
