import { tmpdir } from "node:os";
import path from "node:path";
import { vitestConfig } from "../../tools/vitest.base.ts";

// Worker threads and daemons of tests run the sources: what Node has compiled once serves them all.
const compileCache = path.join(tmpdir(), "qtune-compile-cache");

export default vitestConfig({ env: { NODE_COMPILE_CACHE: compileCache } });
