import { openModel, loadTokenizer } from "@qtune/llm";
import { createLocalExecutor } from "@qtune/simulator";
import { quickstartPresets } from "@qtune/adapters";
import { runTraining, validateRunConfig } from "@qtune/trainer";
const model = await openModel("/work/shared/data/models/minimind2-small");
const tokenizer = await loadTokenizer(model.tokenizerFiles);
const executor = createLocalExecutor();
for (const k of process.argv[2].split(",").map(Number)) {
  const p = quickstartPresets[k];
  const config = validateRunConfig({ model: "m", data: { seed: 7 }, adapter: p.adapter, train: { steps: 6, lr: p.learningRate, warmupSteps: 8, seed: 7, threads: 2 } });
  let cpu = process.cpuUsage(); const cpus: number[] = []; let wall = performance.now(); const walls: number[] = [];
  await runTraining({ config, model, tokenizer, executor, directory: `/tmp/ft-runs/cpu-${k}-${Date.now()}`, onEvent: (e) => { if (e.kind === "metrics") { const d = process.cpuUsage(cpu); cpus.push((d.user + d.system) / 1e6); cpu = process.cpuUsage(); walls.push((performance.now() - wall) / 1000); wall = performance.now(); } } });
  console.log(p.name, "cpu s/step", cpus.slice(1).map((x) => x.toFixed(2)).join(" "), "wall", walls.slice(1).map((x) => x.toFixed(2)).join(" "));
}
await executor.close(); await model.close();
