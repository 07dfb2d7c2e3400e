import { packageConfig } from "../../tools/tsup.base.ts";

export default packageConfig({
  entry: ["src/index.ts", "src/platform.node.ts", "src/platform.web.ts"],
  external: ["#platform"],
});
