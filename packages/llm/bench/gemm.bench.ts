import { compile, createGraph } from "@qtune/graph";
const [M = 512, K = 512, N = 1408] = process.argv.slice(2).map(Number);
const values = Float32Array.from({ length: K * N }, (_, i) => Math.sin(i * 1.7));
const source = { shape: [N, K], readFloat32: async () => values };
for (const prepack of [true, false])
  for (const [bits, blockSize] of [
    [32, 0],
    [8, 32],
    [8, 64],
    [8, 128],
    [4, 32],
    [4, 64],
    [4, 128],
  ] as const) {
    const g = createGraph();
    let x = g.input("x", "float", ["N", K]);
    const outputs: Record<string, typeof x> = {};
    for (let i = 0; i < 4; i++) {
      const y =
        bits === 32
          ? g.matMul(x, g.weight(`w${i}`, { ...source }), { transposeB: true })
          : g.quantisedLinear(x, {
              name: `w${i}`,
              source,
              format: { bits, blockSize, transposed: false },
            });
      outputs[`y${i}`] = y;
      x = g.multiply(x, 1.0001);
    }
    const program = await compile(g, { outputs, threads: 2, prepack });
    const feed = {
      dims: [M, K],
      data: Float32Array.from({ length: M * K }, (_, i) => Math.cos(i)),
    };
    let best = Infinity,
      bestCpu = Infinity;
    for (let i = 0; i < 12; i++) {
      const c = process.cpuUsage();
      const t = performance.now();
      await program.run({ x: feed });
      best = Math.min(best, performance.now() - t);
      const u = process.cpuUsage(c);
      bestCpu = Math.min(bestCpu, (u.user + u.system) / 1000);
    }
    const gflop = (8 * M * K * N) / 1e6;
    console.log(
      prepack ? "prepack" : "plain  ",
      bits,
      blockSize,
      "best wall",
      (gflop / best).toFixed(0),
      "GFLOP/s; by cpu time on 2 cores",
      ((2 * gflop) / bestCpu).toFixed(0),
    );
    await program.close();
  }
