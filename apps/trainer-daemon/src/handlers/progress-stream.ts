import type { OnProgress } from "@qtune/base";
import type { trainingV1 } from "@qtune/contracts";

/** What happens while something long is computed: progress, and at the end its value. */
export type ProgressStep<T> =
  | { readonly kind: "progress"; readonly progress: trainingV1.PhaseProgress }
  | { readonly kind: "value"; readonly value: T };

/**
 * Runs a call that reports progress through a callback and hands both on as one stream. A slow reader sees the newest
 * progress only; nothing piles up.
 */
export async function* streamWithProgress<T>(
  call: (onProgress: OnProgress) => Promise<T>,
): AsyncGenerator<ProgressStep<T>> {
  let newest: trainingV1.PhaseProgress | undefined;
  let wake: () => void = () => {};
  const onProgress: OnProgress = ({ phase, done, total, unit, message }) => {
    newest = { phase, done, total, unit, message: message ?? "" };
    wake();
  };
  let settled = false;
  const running = call(onProgress).finally(() => {
    settled = true;
    wake();
  });
  running.catch(() => {}); // awaited below; until then its failure is nobody's unhandled rejection
  while (!settled) {
    await new Promise<void>((resolve) => {
      wake = resolve;
      if (newest !== undefined || settled) resolve();
    });
    const progress = newest;
    newest = undefined;
    if (progress !== undefined) yield { kind: "progress", progress };
  }
  yield { kind: "value", value: await running };
}
