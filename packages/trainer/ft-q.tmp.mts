import { createLocalExecutor } from "@qtune/simulator";
import { createQuantumLayer } from "@qtune/quantum-layer";
for (const threads of [1, 2]) {
  const executor = createLocalExecutor({ threads });
  const layer = createQuantumLayer({ n: 4, layers: 1, executor });
  for (const T of [510, 1020]) {
    const x = Float64Array.from({ length: T * 4 }, (_, i) => Math.sin(i)); const w = Float64Array.from({ length: 16 }, (_, i) => Math.cos(i));
    for (let i = 0; i < 20; i++) { await layer.forward(x, w); await layer.backward(x, w, x); }
    const c0 = process.cpuUsage(); const t0 = performance.now(); const N = 100;
    for (let i = 0; i < N; i++) await layer.forward(x, w);
    const c1 = process.cpuUsage(c0); const t1 = performance.now();
    const c2 = process.cpuUsage();
    for (let i = 0; i < N; i++) await layer.backward(x, w, x);
    const c3 = process.cpuUsage(c2); const t2 = performance.now();
    console.log(threads, T, "fwd cpu us/circuit", ((c1.user + c1.system) / N / T).toFixed(2), "wall", ((t1 - t0) * 1000 / N / T).toFixed(2), "bwd cpu", ((c3.user + c3.system) / N / T).toFixed(2), "wall", ((t2 - t1) * 1000 / N / T).toFixed(2));
  }
  await executor.close();
}
