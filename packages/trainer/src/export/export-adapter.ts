/** A trained adapter in the formats that others read: PEFT, our own safetensors, GGUF LoRA, or merged into its model. */
import path from "node:path";
import {
  type Adapter,
  type AdapterProvenance,
  type AdapterValues,
  mergeIntoWeight,
  saveAdapter,
  toLora,
} from "@qtune/adapters";
import type { Abortable, OnProgress } from "@qtune/base";
import {
  type ExportSafetensorsOptions,
  type LoraModule,
  exportGguf,
  exportGgufLora,
  exportSafetensors,
} from "@qtune/llm";

/**
 * `peft`: a LoRA folder, where the adapter is linear in its input. `safetensors`: the adapter in its own terms, circuits
 * included. `gguf-lora`: a LoRA file for llama.cpp. `merged`: the whole model as a Hugging Face folder. `gguf`: the whole
 * model as one file.
 */
export type AdapterExportFormat = "peft" | "safetensors" | "gguf-lora" | "merged" | "gguf";

/** All formats. */
export const adapterExportFormats: readonly AdapterExportFormat[] = [
  "peft",
  "safetensors",
  "gguf-lora",
  "merged",
  "gguf",
];

/** What is exported, and how. */
export interface ExportAdapterOptions extends Abortable {
  readonly model: Parameters<typeof exportSafetensors>[0];
  readonly adapter: { readonly adapter: Adapter; readonly values: AdapterValues };
  readonly format: AdapterExportFormat;
  /** Folder to write into; made if missing. */
  readonly directory: string;
  /** Type of the weights of `merged`. Default: as the model is published. */
  readonly dtype?: ExportSafetensorsOptions["dtype"];
  readonly onProgress?: OnProgress | undefined;
}

/**
 * Exports a trained adapter.
 *
 * Effect: each file appears whole or not at all. Merges are computed in float64 per row and rounded once.
 * Errors: failed_precondition where the adapter is not linear in its input and the format has no word for circuits; what
 *         the writers of the formats say.
 */
export async function exportAdapter(options: ExportAdapterOptions): Promise<void> {
  const { model, adapter, format, directory, signal, onProgress } = options;
  const { source: name, sha256 } = model.identity;
  const provenance: AdapterProvenance = { base: { name, sha256 } };
  switch (format) {
    case "safetensors":
      return saveAdapter(directory, adapter.adapter, adapter.values, provenance);
    case "peft": {
      const lora =
        adapter.adapter.config.kind === "lora" ? adapter : toLora(adapter.adapter, adapter.values);
      return saveAdapter(directory, lora.adapter, lora.values, provenance);
    }
    case "gguf-lora": {
      const file = path.join(directory, "adapter.gguf");
      return exportGgufLora(
        ggufLora(adapter),
        model.config,
        file,
        signal === undefined ? {} : { signal },
      );
    }
    case "merged":
      return exportSafetensors(model, directory, {
        merge: mergeOf(adapter),
        dtype: options.dtype,
        signal,
        onProgress,
      });
    case "gguf":
      return exportGguf(model, path.join(directory, "model.gguf"), {
        merge: mergeOf(adapter),
        signal,
        onProgress,
      });
    default:
      return format satisfies never;
  }
}

/** Adds the update of each adapted module to its weight. Refuses at once where a module's update is not linear. */
function mergeOf({
  adapter,
  values,
}: ExportAdapterOptions["adapter"]): ExportSafetensorsOptions["merge"] {
  const sites = new Map(adapter.sites.map((site) => [`${site.path}.weight`, site]));
  for (const site of adapter.sites) adapter.updateOf(site, values);
  return (name, weight) => {
    const site = sites.get(name);
    return site === undefined ? weight : mergeIntoWeight(adapter, values, site, weight);
  };
}

/** The adapter as LoRA matrices with the scale taken in, so that alpha equals the rank. */
function ggufLora({ adapter, values }: ExportAdapterOptions["adapter"]): {
  readonly alpha: number;
  readonly modules: readonly LoraModule[];
} {
  const updates = adapter.sites.map((site) => ({ site, update: adapter.updateOf(site, values) }));
  const rank = Math.max(1, ...updates.map(({ update }) => update.rank));
  const modules = updates.map(({ site, update }): LoraModule => ({
    path: site.path,
    rank: update.rank,
    a: Float32Array.from(update.a),
    // llama.cpp multiplies by alpha / rank of the tensor: the scale is taken in and that quotient out.
    b: Float32Array.from(update.b, (value) => (value * update.scale * update.rank) / rank),
  }));
  return { alpha: rank, modules };
}
