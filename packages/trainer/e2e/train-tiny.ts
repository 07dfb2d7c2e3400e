/** A process that trains the tiny model in the folder it is given: what kill tests kill. Prints each step. */
import { createLocalExecutor } from "@qtune/simulator";
import { createByteTokenizer } from "../src/data/byte-tokenizer.fixture.ts";
import { createTinyModel, tinyNetwork, tinyRun } from "../src/tiny-model.fixture.ts";
import { runTraining } from "../src/loop/run-training.ts";

const [directory = "", source = ""] = process.argv.slice(2);
const executor = createLocalExecutor({ threads: 1 });
await runTraining({
  config: tinyRun({
    source,
    adapter: { kind: "ABC", rank: 2, mpo: tinyNetwork },
    train: { steps: 30, checkpointEvery: 1 },
    executor: { placement: "host" },
  }),
  model: createTinyModel(),
  tokenizer: createByteTokenizer(),
  executor,
  directory,
  onEvent: (event) => {
    if (event.kind === "metrics") process.stdout.write(`step ${event.metrics.step}\n`);
  },
});
await executor.close();
process.stdout.write("done\n");
