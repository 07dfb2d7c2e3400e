/** Wall and processor time of one call, ms. On a busy machine only the latter can be compared. */
export interface Timing {
  readonly ms: number;
  readonly cpuMs: number;
}

/** Processor time of this process, all threads, ms. */
function cpuNow(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Returns the shortest times of a call after a warm-up; about 0.7 s in all, at least three calls. */
export async function bestOf(call: () => Promise<unknown>, repeats = 1): Promise<Timing> {
  await call();
  await call();
  let ms = Number.POSITIVE_INFINITY;
  let cpuMs = Number.POSITIVE_INFINITY;
  const end = performance.now() + 700;
  for (let i = 0; i < 3 || performance.now() < end; i++) {
    const start = performance.now();
    const startCpu = cpuNow();
    for (let repeat = 0; repeat < repeats; repeat++) await call();
    ms = Math.min(ms, (performance.now() - start) / repeats);
    cpuMs = Math.min(cpuMs, (cpuNow() - startCpu) / repeats);
  }
  return { ms: Number(ms.toFixed(4)), cpuMs: Number(cpuMs.toFixed(4)) };
}
