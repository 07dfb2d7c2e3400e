/** Checks that a file holds the weights its configuration promises, before anything is computed with them. */
import { type Issue, printShape, QtuneError } from "@qtune/base";
import type { TensorSource } from "@qtune/weights";
import type { ModelConfig } from "../config/model-config.ts";
import { listWeights } from "../config/weight-names.ts";

/**
 * Throws unless every weight is there with its shape.
 *
 * Errors: data_loss naming all missing weights and all wrong shapes.
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
    const given = tensors.get(hf)?.shape ?? [];
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
