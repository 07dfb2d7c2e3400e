import { defineConfig, type ViteUserConfig } from "vitest/config";

/**
 * Creates the test configuration that every package shares: workspace packages resolve to their sources, so no test
 * needs a build.
 *
 * @param overrides what a package sets differently.
 */
export function vitestConfig(overrides: ViteUserConfig["test"] = {}): ViteUserConfig {
  const conditions = ["@qtune/source", "module", "node", "development|production"];
  return defineConfig({
    resolve: { conditions },
    ssr: { resolve: { conditions, externalConditions: ["@qtune/source"] } },
    test: {
      include: ["src/**/*.test.ts", "e2e/**/*.test.ts"],
      passWithNoTests: false,
      testTimeout: 30_000,
      ...overrides,
    },
  });
}
