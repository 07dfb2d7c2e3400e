import type { Circuit, Executor, Observable } from "../packages/circuit/src/index.ts";

/** What {@link minimize} works on. */
export interface MinimizeOptions {
  readonly circuit: Circuit;
  readonly observable: Observable;
  readonly executor: Executor & Required<Pick<Executor, "vjp">>;
  readonly start: Float64Array;
  readonly steps: number;
  /** Step size of Adam. */
  readonly rate: number;
}

/** Minimises an expectation value over the shared parameters of a circuit by Adam on exact gradients. */
export async function minimize(
  options: MinimizeOptions,
): Promise<{ readonly values: Float64Array; readonly value: number }> {
  const { circuit, observable, executor, steps, rate } = options;
  const values = Float64Array.from(options.start);
  const mean = new Float64Array(values.length);
  const square = new Float64Array(values.length);
  const batch = {
    circuit,
    shared: values,
    rows: new Float64Array(0),
    B: 1,
    observables: [observable],
  };
  for (let step = 1; step <= steps; step++) {
    const { shared } = await executor.vjp(batch, Float64Array.of(1));
    shared.forEach((gradient, i) => {
      mean[i] = 0.9 * (mean[i] ?? 0) + 0.1 * gradient;
      square[i] = 0.999 * (square[i] ?? 0) + 0.001 * gradient * gradient;
      const size = Math.sqrt((square[i] ?? 0) / (1 - 0.999 ** step)) + 1e-9;
      values[i] = (values[i] ?? 0) - (rate * (mean[i] ?? 0)) / (1 - 0.9 ** step) / size;
    });
  }
  const { expectations } = await executor.run(batch);
  return { values, value: expectations[0] ?? 0 };
}
