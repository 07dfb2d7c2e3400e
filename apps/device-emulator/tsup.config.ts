import { appConfig } from "../../tools/tsup.base.ts";

export default appConfig({
  entry: { main: "src/main.ts", index: "src/index.ts", worker: "src/compute/worker.ts" },
});
