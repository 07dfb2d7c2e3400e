import path from "node:path";
import nx from "@nx/eslint-plugin";
import tseslint from "typescript-eslint";
import { layers } from "./tools/layers.mjs";

const testFiles = [
  "**/*.test.ts",
  "**/*.suite.ts",
  "**/*.bench.ts",
  "**/*.test-d.ts",
  "**/bench/**",
  "**/e2e/**",
  "**/*.config.ts",
];
const anywhere = layers
  .filter((layer) => layer.environment === "any")
  .map((layer) => `packages/${layer.name}/src/**/*.ts`);

/** One boundary rule per row of the layer table; tests may also use the test tools and every package. */
function boundaries(extraLayers, extraExternals) {
  const depConstraints = layers.flatMap((layer) => [
    {
      sourceTag: `pkg:${layer.name}`,
      onlyDependOnLibsWithTags: [
        `pkg:${layer.name}`,
        ...layer.imports.map((name) => `pkg:${name}`),
        ...extraLayers,
      ],
      allowedExternalImports: [
        ...layer.externals.flatMap((name) => [name, `${name}/*`]),
        "node:*",
        ...extraExternals,
      ],
    },
  ]);
  // Apps are deliberately importable by no one; `enforceBuildableLibDependency` is off because packages run from source.
  return [
    "error",
    { depConstraints, enforceBuildableLibDependency: false, allowCircularSelfDependency: true },
  ];
}

export default tseslint.config(
  {
    ignores: [
      "**/dist/**",
      "**/build/**",
      "**/node_modules/**",
      "**/src/gen/**",
      "**/assembly/**",
      "**/testdata/**",
      "runs/**",
      ".nx/**",
    ],
  },
  {
    files: ["packages/**/*.ts", "apps/**/*.ts"],
    extends: [tseslint.configs.base],
    plugins: { "@nx": nx },
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: [] },
        tsconfigRootDir: path.resolve(import.meta.dirname),
      },
    },
    rules: {
      "@nx/enforce-module-boundaries": boundaries([], []),
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: false }],
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/switch-exhaustiveness-check": [
        "error",
        { considerDefaultExhaustiveForUnions: true },
      ],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-unused-vars": [
        "error",
        { argsIgnorePattern: "^_", varsIgnorePattern: "^_", caughtErrors: "none" },
      ],
      "@typescript-eslint/only-throw-error": "error",
      "no-restricted-syntax": [
        "error",
        { selector: "ExportDefaultDeclaration", message: "named exports only" },
        { selector: "ExportAllDeclaration", message: "index files list names one by one" },
      ],
      eqeqeq: "error",
      "no-console": "error",
      "prefer-const": "error",
    },
  },
  {
    files: anywhere,
    ignores: [...testFiles, "packages/kernels/src/platform.node.ts"],
    rules: {
      "no-restricted-imports": [
        "error",
        { patterns: [{ group: ["node:*"], message: "this package also runs in a browser" }] },
      ],
      "no-restricted-properties": [
        "error",
        { object: "Math", property: "random", message: "randomness is an argument" },
      ],
    },
  },
  {
    files: testFiles,
    rules: {
      "@nx/enforce-module-boundaries": boundaries(
        layers.map((layer) => `pkg:${layer.name}`),
        ["*"],
      ),
      "no-restricted-syntax": "off",
      "no-console": "off",
    },
  },
  { files: ["apps/**/*.ts"], rules: { "no-console": "off" } },
  { files: ["**/*.config.ts"], rules: { "@nx/enforce-module-boundaries": "off" } },
);
