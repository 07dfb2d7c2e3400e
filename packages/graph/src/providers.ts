/** Execution providers of onnxruntime on this machine: which the binary holds, which really compute, and why not. */
import { listSupportedBackends } from "onnxruntime-node";
import { QtuneError } from "@qtune/base";
import { compile } from "./compile.ts";
import { createGraph } from "./graph.ts";

/** A provider that the binary of onnxruntime names. */
export interface RuntimeProvider {
  readonly name: string;
  /** Whether its code is inside the package; others load libraries of the system. */
  readonly bundled: boolean;
}

/** A provider that was tried. */
export interface ProbedProvider extends RuntimeProvider {
  readonly works: boolean;
  /** Why not, or how long a first product of matrices took. */
  readonly detail: string;
}

/** Returns the providers that the binary of onnxruntime names, the CPU first. */
export function runtimeProviders(): readonly RuntimeProvider[] {
  const named = listSupportedBackends().map(({ name, bundled }) => ({ name, bundled }));
  return named.sort((a, b) => Number(b.name === "cpu") - Number(a.name === "cpu"));
}

/**
 * Tries each provider on a small product of matrices and compares the result with the exact one.
 *
 * Cost: up to a second per provider.
 */
export async function probeProviders(): Promise<readonly ProbedProvider[]> {
  const probed: ProbedProvider[] = [];
  for (const provider of runtimeProviders())
    probed.push({ ...provider, ...(await probe(provider)) });
  return probed;
}

const side = 64;

async function probe({ name }: RuntimeProvider): Promise<Pick<ProbedProvider, "works" | "detail">> {
  const graph = createGraph();
  const x = graph.input("x", "float", [side, side]);
  const y = graph.matMul(x, x);
  try {
    const program = await compile(graph, { outputs: { y }, providers: [name] });
    try {
      const data = Float32Array.from({ length: side * side }, (_, i) =>
        i % (side + 1) === 0 ? 2 : 0,
      );
      const begun = performance.now();
      const result = await program.run({ x: { data, dims: [side, side] } });
      const exact = result["y"]?.data[0] === 4 && result["y"].data[1] === 0;
      const detail = exact
        ? `computes (${(performance.now() - begun).toFixed(0)} ms)`
        : "computes wrong numbers";
      return { works: exact, detail };
    } finally {
      await program.close();
    }
  } catch (error) {
    const [first = ""] = QtuneError.from(error).message.split("\n");
    return { works: false, detail: first.slice(0, 200) };
  }
}
