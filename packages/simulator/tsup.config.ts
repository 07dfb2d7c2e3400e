import { packageConfig } from "../../tools/tsup.base.ts";

export default packageConfig();
