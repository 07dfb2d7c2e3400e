/**
 * The one table of layers: which package may import which, where it runs, and which outside dependencies it has.
 *
 * ESLint's boundary rule, the diagram in docs/architecture.md and the test that compares every package.json with its
 * row are derived from it. `imports` and `externals` are exactly the `dependencies` of the package.json of that row.
 */

/** @typedef {{ name: string, kind: "package" | "app", environment: "any" | "node", imports: string[], externals: string[], holds: string, private?: boolean }} Layer */

const everything = [
  "base",
  "contracts",
  "circuit",
  "kernels",
  "graph",
  "weights",
  "chip",
  "transpiler",
  "simulator",
  "emulator",
  "rpc",
  "quantum-layer",
  "llm",
  "adapters",
  "trainer",
];

/** @type {readonly Layer[]} */
export const layers = [
  {
    name: "base",
    kind: "package",
    environment: "any",
    imports: [],
    externals: [],
    holds: "errors, counter-based randomness, shapes, abort and deadlines, progress",
  },
  {
    name: "contracts",
    kind: "package",
    environment: "node",
    imports: [],
    externals: ["@bufbuild/protobuf", "@grpc/grpc-js"],
    holds: "generated messages and service definitions",
  },
  {
    name: "circuit",
    kind: "package",
    environment: "any",
    imports: ["base"],
    externals: [],
    holds:
      "circuit IR, gate table, parameters, observables, text formats, drawing, the Executor interface",
  },
  {
    name: "kernels",
    kind: "package",
    environment: "any",
    imports: ["base"],
    externals: [],
    holds:
      "amplitude kernels: AssemblyScript to WebAssembly SIMD, worker threads, TypeScript reference",
  },
  {
    name: "graph",
    kind: "package",
    environment: "node",
    imports: ["base"],
    externals: ["onnxruntime-node"],
    holds: "tensor graphs: build, differentiate, emit ONNX, run on onnxruntime",
  },
  {
    name: "weights",
    kind: "package",
    environment: "node",
    imports: ["base"],
    externals: [],
    holds: "tensor files: safetensors, GGUF, ONNX initialisers",
  },
  {
    name: "chip",
    kind: "package",
    environment: "any",
    imports: ["base", "circuit"],
    externals: ["@noble/hashes"],
    holds:
      "chip-device model: topology, calibration snapshots, timing, noise, presets, importers, fit",
  },
  {
    name: "transpiler",
    kind: "package",
    environment: "any",
    imports: ["base", "circuit", "chip"],
    externals: [],
    holds: "decompose, lay out, route, schedule, pack many circuits on one chip",
  },
  {
    name: "simulator",
    kind: "package",
    environment: "any",
    imports: ["base", "circuit", "chip", "kernels"],
    externals: [],
    holds: "engines, sampler, adjoint gradients, local Executor",
  },
  {
    name: "emulator",
    kind: "package",
    environment: "any",
    imports: ["base", "circuit", "chip", "transpiler", "simulator"],
    externals: [],
    holds: "a chip as an in-process Executor: compile, place, virtual clock, noisy run",
  },
  {
    name: "quantum-layer",
    kind: "package",
    environment: "any",
    imports: ["base", "circuit"],
    externals: [],
    holds: "a circuit as a differentiable batched operation; gradient methods, planning",
  },
  {
    name: "rpc",
    kind: "package",
    environment: "node",
    imports: ["base", "contracts", "circuit", "chip", "quantum-layer"],
    externals: ["@bufbuild/protobuf", "@grpc/grpc-js", "@grpc/reflection", "grpc-health-check"],
    holds: "gRPC plumbing, domain to wire mapping, clients of every service",
  },
  {
    name: "llm",
    kind: "package",
    environment: "node",
    imports: ["base", "graph", "weights"],
    externals: [
      "@huggingface/hub",
      "@huggingface/jinja",
      "@huggingface/tokenizers",
      "tar",
      "yauzl",
      "zod",
    ],
    holds:
      "decoder language models as graphs, tokenizers, templates, sources, generation, OpenAI-compatible serving",
  },
  {
    name: "adapters",
    kind: "package",
    environment: "node",
    imports: ["base", "circuit", "graph", "weights", "quantum-layer"],
    externals: [],
    holds: "LoRA family, tensor-network and quantum adapters, accounting, PEFT files",
  },
  {
    name: "trainer",
    kind: "package",
    environment: "node",
    imports: ["base", "circuit", "graph", "weights", "llm", "adapters", "quantum-layer"],
    externals: ["yaml", "zod"],
    holds: "data, training loop, optimisers, checkpoints, metrics, evaluation, configuration",
  },
  {
    name: "testkit",
    kind: "package",
    environment: "node",
    imports: [],
    externals: ["vitest"],
    private: true,
    holds: "matchers, golden files, gradient check, statistics (tests only)",
  },
  {
    name: "device-emulator",
    kind: "app",
    environment: "node",
    imports: everything,
    externals: [
      "@bufbuild/protobuf",
      "@grpc/grpc-js",
      "@grpc/reflection",
      "commander",
      "grpc-health-check",
      "pino",
      "prom-client",
    ],
    holds: "daemon: a chip over gRPC",
  },
  {
    name: "trainer-daemon",
    kind: "app",
    environment: "node",
    imports: everything,
    externals: ["commander", "pino", "prom-client"],
    holds: "daemon: training runs over gRPC",
  },
  {
    name: "cli",
    kind: "app",
    environment: "node",
    imports: everything,
    externals: ["commander", "yaml"],
    holds: "the qtune command line",
  },
];
