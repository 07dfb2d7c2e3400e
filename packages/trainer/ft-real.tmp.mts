import { openModel, loadTokenizer } from "@qtune/llm";
import { createLocalExecutor } from "@qtune/simulator";
import { quickstartPresets } from "@qtune/adapters";
import {
  runTraining,
  validateRunConfig,
  evaluateModel,
  parseEvalConfig,
  probeGradient,
  findNamedCheckpoint,
  linearSites,
} from "@qtune/trainer";
import { loadAdapter } from "@qtune/adapters";
const arms = process.argv[2].split(",").map(Number);
const steps = Number(process.argv[3]);
const model = await openModel("/work/shared/data/models/minimind2-small");
const tokenizer = await loadTokenizer(model.tokenizerFiles);
const executor = createLocalExecutor();
for (const k of arms) {
  const p = quickstartPresets[k];
  const config = validateRunConfig({
    model: "m",
    data: { seed: 7 },
    adapter: p.adapter,
    train: { steps, lr: p.learningRate, warmupSteps: 8, seed: 7 },
  });
  const dir = `/tmp/ft-runs/${k}-${steps}-${Date.now()}`;
  const t0 = performance.now();
  let first = 0;
  const speeds: number[] = [];
  const r = await runTraining({
    config,
    model,
    tokenizer,
    executor,
    directory: dir,
    onEvent: (e) => {
      if (e.kind === "metrics") {
        if (!first) {
          first = performance.now();
        }
        speeds.push(e.metrics.tokensPerSecond);
        if (e.metrics.step % 15 === 0 || e.metrics.step === 1)
          console.log(
            p.name,
            e.metrics.step,
            e.metrics.loss.toFixed(4),
            Math.round(e.metrics.tokensPerSecond),
            e.metrics.circuits,
            e.metrics.gradientNorm.toFixed(3),
          );
      } else if (e.kind === "log") console.log(e.message);
    },
  });
  console.log(
    p.name,
    "total s",
    ((performance.now() - t0) / 1000).toFixed(1),
    "first step at",
    ((first - t0) / 1000).toFixed(1),
    "median tok/s",
    speeds.sort((a, b) => a - b)[speeds.length >> 1].toFixed(0),
    JSON.stringify(r.metrics),
    r.trainableParameters,
  );
  const cp = await findNamedCheckpoint(dir, "last");
  const { adapter, values } = await loadAdapter(cp.directory, linearSites(model.config));
  if (process.argv[4])
    for (const req of [
      { task: "nll", part: "validation", limit: 100 },
      { task: "arithmetic", part: "newNumbers", limit: 200 },
      { task: "arithmetic", part: "newFrames", limit: 200 },
    ]) {
      const t = performance.now();
      const ev = await evaluateModel(
        { model, tokenizer, executor, adapter: { adapter, values } },
        parseEvalConfig({ ...req, seed: 7 }),
      );
      console.log(
        p.name,
        req.task,
        req.part,
        JSON.stringify(ev.metrics),
        ((performance.now() - t) / 1000).toFixed(1),
        "s",
        JSON.stringify(ev.samples.slice(0, 3)),
      );
    }
}
await executor.close();
await model.close();
