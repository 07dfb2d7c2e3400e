import { vitestConfig } from "./vitest.base.ts";

export default vitestConfig({ include: ["*.test.ts"], testTimeout: 300_000, hookTimeout: 300_000 });
