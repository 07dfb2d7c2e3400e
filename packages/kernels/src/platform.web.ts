/** Threads of a browser: a worker made from a source text by an object URL. */
import type { Platform } from "./platform.ts";

export const platform: Platform = {
  processors: globalThis.navigator?.hardwareConcurrency ?? 1,
  spawnThread(source, data, onCrash) {
    const text = `onmessage = (event) => { onmessage = null; (${source})(event.data); };`;
    const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    const worker = new Worker(url);
    worker.onerror = (event) => onCrash(new Error(event.message));
    worker.postMessage(data);
    return {
      hold: () => {},
      release: () => {},
      terminate: async () => {
        worker.terminate();
        URL.revokeObjectURL(url);
      },
    };
  },
};
