import { defineConfig, type Options } from "tsup";

/** `QTUNE_FAST_BUILD=1` leaves type declarations out: what `pnpm start` needs to run, nothing else. */
const fast = process.env["QTUNE_FAST_BUILD"] === "1";

const shared: Options = {
  format: ["esm"],
  target: "es2023",
  sourcemap: true,
  clean: true,
  // Rollup's pass over the bundle makes it a little smaller and takes most of the time.
  treeshake: !fast,
  splitting: true,
  // Newer modules of Node (node:sqlite) exist under this name only.
  removeNodeProtocol: false,
};

/** Creates the build of a library package: ESM and type declarations, its dependencies left as imports. */
export function packageConfig(overrides: Options = {}): Options | Options[] {
  return defineConfig({ ...shared, entry: ["src/index.ts"], dts: !fast, ...overrides }) as
    Options | Options[];
}

/** Creates the build of an app: one bundle of all workspace packages, third-party packages left as imports. */
export function appConfig(overrides: Options = {}): Options | Options[] {
  return defineConfig({
    ...shared,
    entry: fast ? ["src/main.ts"] : ["src/main.ts", "src/index.ts"],
    dts: false,
    noExternal: [/^@qtune\//],
    // Third-party code stays outside the bundle: some of it is native, some reads files beside itself.
    external: [/^(?!@qtune\/)(?:@[a-z0-9-]+\/)?[a-z0-9][a-z0-9._-]*(?:\/.*)?$/],
    esbuildOptions: (options) => {
      options.conditions = ["@qtune/source", ...(options.conditions ?? [])];
    },
    ...overrides,
  }) as Options | Options[];
}
