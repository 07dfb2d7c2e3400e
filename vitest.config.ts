import { defineConfig } from "vitest/config";

/** All packages in one run: one pool of workers for two cores instead of one start per package. */
export default defineConfig({
  test: {
    projects: ["packages/*/vitest.config.ts", "apps/*/vitest.config.ts", "tools/vitest.config.ts"],
    maxWorkers: 2,
  },
});
