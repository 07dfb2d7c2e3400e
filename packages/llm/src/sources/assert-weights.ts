/** Checks that a file holds the weights its configuration promises, before anything is computed with them. */
import { type Issue, printShape, QtuneError } from "@qtune/base";
import type { TensorSource } from "@qtune/weights";
import type { ModelConfig } from "../config/model-config.ts";
import { listWeights, weightTable } from "../config/weight-names.ts";

/** Types whose values are not meant as they are: integers of a format that is not known here. */
const integerTypes = new Set(["I64", "I32", "I16", "I8", "U8", "BOOL"]);

/**
 * Throws unless every weight is there with its shape, as floating-point or block-quantised values.
 *
 * Errors: data_loss naming all missing weights, all wrong shapes and types.
 */
export function assertWeights(
  config: ModelConfig,
  tensors: ReadonlyMap<string, TensorSource>,
  file: string,
): void {
  const weights = listWeights(config);
  const missing = weights.filter(({ hf }) => !tensors.has(hf)).map(({ hf }) => hf);
  if (missing.length > 0) {
    const shown = missing.slice(0, 8).join(", ");
    const more = missing.length > 8 ? ` and ${missing.length - 8} more` : "";
    throw new QtuneError(
      "data_loss",
      `${missing.length} of ${weights.length} weights are missing: ${shown}${more}; ` +
        "config.json and weights belong to different models, or a shard is missing",
      { where: file, details: { missing } },
    );
  }
  const issues: Issue[] = [];
  for (const { hf, shape } of weights) {
    const tensor = tensors.get(hf);
    const given = tensor?.shape ?? [];
    if (tensor !== undefined && integerTypes.has(tensor.dtype)) {
      issues.push({
        where: `tensor ${hf}`,
        file,
        expected: "floating-point values",
        given: tensor.dtype,
        hint: "take the F16 or BF16 release of the model, or its GGUF file",
      });
    }
    if (printShape(given) === printShape(shape)) continue;
    issues.push({
      where: `tensor ${hf}`,
      file,
      expected: printShape(shape),
      given: printShape(given),
    });
  }
  if (issues.length > 0) throw QtuneError.fromIssues(issues, "data_loss");
}

/** A weight that may lie in a file unused: the head of a model whose head is the embedding. */
const spare = new Set(["lm_head.weight", "output.weight"]);

/**
 * Throws when a file holds weights of the architecture that its configuration leaves out: a bias, a norm, a layer. Without
 * them the model would answer plausibly and wrongly. Names that are not of the table are passed over.
 *
 * Errors: data_loss naming them.
 */
export function assertNoneUnused(
  config: ModelConfig,
  names: Iterable<string>,
  naming: "hf" | "gguf",
  file: string,
): void {
  const used = new Set(listWeights(config).map((place) => place[naming]));
  const patterns = new Set(weightTable.map((row) => row[naming]));
  const unused = [...names].filter((name) => {
    const pattern = name.replace(/^(model\.layers|blk)\.\d+\./, "$1.{i}.");
    return !used.has(name) && !spare.has(name) && patterns.has(pattern);
  });
  if (unused.length === 0) return;
  const shown = unused.slice(0, 8).join(", ");
  const more = unused.length > 8 ? ` and ${unused.length - 8} more` : "";
  throw new QtuneError(
    "data_loss",
    `expected no weights but those that the configuration names (${config.layers} layers) but there are ${shown}${more}; ` +
      "configuration and weights belong to different models, or its flags (attention_bias, mlp_bias, number of layers) are wrong",
    { where: file, details: { unused } },
  );
}
