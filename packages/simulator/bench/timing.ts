/** Returns the shortest of several times of a call, in ms, after a warm-up; about 0.7 s in all, at least three calls. */
export async function bestOf(call: () => Promise<unknown>): Promise<number> {
  await call();
  await call();
  let best = Number.POSITIVE_INFINITY;
  const end = performance.now() + 700;
  for (let i = 0; i < 3 || performance.now() < end; i++) {
    const start = performance.now();
    await call();
    best = Math.min(best, performance.now() - start);
  }
  return Number(best.toFixed(4));
}
