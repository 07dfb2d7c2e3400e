import { appConfig } from "../../tools/tsup.base.ts";

export default appConfig();
