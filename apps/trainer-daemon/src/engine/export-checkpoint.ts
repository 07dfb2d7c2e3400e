/** Files of a trained adapter in a published format. */
import { type Abortable, type OnProgress, QtuneError } from "@qtune/base";
import { trainingV1 } from "@qtune/contracts";
import { type AdapterExportFormat, type ExportAdapterOptions, exportAdapter } from "@qtune/trainer";

const { ExportFormat } = trainingV1;

/** Format of the adapter alone, and of the model with the adapter merged in. */
const formats: Readonly<
  Record<number, { readonly alone?: AdapterExportFormat; readonly merged?: AdapterExportFormat }>
> = {
  [ExportFormat.EXPORT_FORMAT_PEFT]: { alone: "peft" },
  [ExportFormat.EXPORT_FORMAT_SAFETENSORS]: { alone: "safetensors", merged: "merged" },
  [ExportFormat.EXPORT_FORMAT_GGUF]: { merged: "gguf" },
  [ExportFormat.EXPORT_FORMAT_GGUF_LORA]: { alone: "gguf-lora" },
};

/** Writes an export into an empty folder. Errors: invalid_argument for a format that does not exist merged, or alone. */
export async function exportCheckpoint(
  target: Pick<ExportAdapterOptions, "model" | "adapter">,
  request: {
    readonly format: trainingV1.ExportFormat;
    readonly merge: boolean;
    readonly directory: string;
  },
  options: Abortable & { readonly onProgress: OnProgress },
): Promise<void> {
  const row = formats[request.format] ?? {};
  const format = request.merge ? row.merged : row.alone;
  if (format === undefined) {
    throw new QtuneError(
      "invalid_argument",
      "expected PEFT, SAFETENSORS or GGUF_LORA, or with `merge` SAFETENSORS or GGUF",
      { where: "format" },
    );
  }
  await exportAdapter({ ...target, format, directory: request.directory, ...options });
}
