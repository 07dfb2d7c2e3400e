/** Threads of Node: a worker that evaluates a source text, so that nothing is read from a file beside the bundle. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Platform } from "./platform.ts";

export const platform: Platform = {
  processors: availableParallelism(),
  spawnThread(source, data, onCrash) {
    const worker = new Worker(`(${source})(require("node:worker_threads").workerData);`, {
      eval: true,
      workerData: data,
      execArgv: [],
    });
    let ended = false;
    worker.on("error", onCrash);
    worker.on("exit", (code) => {
      if (!ended) onCrash(new Error(`the worker left with exit code ${code}`));
    });
    worker.unref();
    return {
      hold: () => worker.ref(),
      release: () => worker.unref(),
      terminate: async () => {
        ended = true;
        await worker.terminate();
      },
    };
  },
};
