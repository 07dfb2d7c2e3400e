import { QtuneError } from "@qtune/base";
import type { Values } from "../optimise/adamw.ts";

/** Returns the name of the first tensor with a value that is not finite, and where it is. */
export function findNonFinite(
  tensors: Iterable<readonly [string, Values]>,
): { readonly name: string; readonly index: number; readonly value: number } | undefined {
  for (const [name, values] of tensors) {
    const index = values.findIndex((value: number) => !Number.isFinite(value));
    if (index >= 0) return { name, index, value: values[index] ?? Number.NaN };
  }
  return undefined;
}

/** Creates the error that stops a run: which step, which tensor, which examples. */
export function nonFiniteError(
  step: number,
  what: string,
  sampleIds: readonly string[],
  tensor: ReturnType<typeof findNonFinite>,
): QtuneError {
  const place =
    tensor === undefined
      ? ""
      : `; first bad value: ${tensor.name}[${tensor.index}] = ${tensor.value}`;
  return new QtuneError(
    "out_of_range",
    `expected finite numbers but ${what} is not${place}; examples ${sampleIds.join(", ")}; lower train.lr or look at these examples`,
    {
      where: `train.step ${step}`,
      details: { step, tensor: tensor?.name ?? what, examples: sampleIds },
    },
  );
}
