/** Files of a trained adapter in a published format. */
import { type Abortable, type OnProgress, QtuneError } from "@qtune/base";
import { trainingV1 } from "@qtune/contracts";
import { type EvaluationTarget, type ExportFormat, exportAdapter } from "@qtune/trainer";

const formats: Readonly<Record<number, ExportFormat | undefined>> = {
  [trainingV1.ExportFormat.EXPORT_FORMAT_PEFT]: "peft",
  [trainingV1.ExportFormat.EXPORT_FORMAT_SAFETENSORS]: "safetensors",
  [trainingV1.ExportFormat.EXPORT_FORMAT_GGUF]: "gguf",
  [trainingV1.ExportFormat.EXPORT_FORMAT_GGUF_LORA]: "gguf-lora",
};

/** Writes an export. Errors: failed_precondition where the adapter cannot be put into the format, with the reason. */
export async function exportCheckpoint(
  target: EvaluationTarget,
  request: {
    readonly format: trainingV1.ExportFormat;
    readonly merge: boolean;
    readonly directory: string;
  },
  options: Abortable & { readonly onProgress: OnProgress },
): Promise<void> {
  const format = formats[request.format];
  if (format === undefined)
    throw new QtuneError(
      "invalid_argument",
      "expected a format: PEFT, SAFETENSORS, GGUF or GGUF_LORA",
      { where: "format" },
    );
  await exportAdapter(target, {
    format,
    merge: request.merge,
    directory: request.directory,
    ...options,
  });
}
