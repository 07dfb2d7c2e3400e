import { platform } from "#platform";
import { QtuneError } from "@qtune/base";
import type { Backend, BackendKind } from "./backend.ts";
import { createReferenceBackend } from "./reference-backend.ts";
import { canCompile, createWasmBackend } from "./wasm-backend.ts";

/** What a caller may ask for; by default the fastest kind that loads, on every processor. */
export interface BackendOptions {
  readonly kind?: BackendKind | undefined;
  /** Threads that take part, the calling one included. Default: the processors, at most 8. */
  readonly threads?: number | undefined;
}

/** Tells which kinds of backend load here, best first. `reference` always does. */
export function availableBackends(): readonly BackendKind[] {
  return [
    ...(canCompile("relaxed") ? (["relaxed-simd"] as const) : []),
    ...(canCompile("plain") ? (["simd"] as const) : []),
    "reference",
  ];
}

/** Tells whether threads can share a memory here; browsers want cross-origin isolation for it. */
export function canShareMemory(): boolean {
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated; // undefined outside browsers
  return typeof SharedArrayBuffer === "function" && isolated !== false;
}

/**
 * Creates a backend: the fastest kind that loads here unless one is named.
 *
 * Effect: owns a memory until closed; threads start with the first parallel job and never keep the process alive.
 * Errors: unavailable when the named kind does not load here; out_of_range for a number of threads below 1.
 */
export function createBackend(options: BackendOptions = {}): Backend {
  if (
    options.threads !== undefined &&
    !(Number.isInteger(options.threads) && options.threads >= 1)
  ) {
    throw new QtuneError(
      "out_of_range",
      `expected an integer of at least 1 but was given ${options.threads}`,
      { where: "threads" },
    );
  }
  const available = availableBackends();
  const kind = options.kind ?? available[0]!; // reference is always there
  if (!available.includes(kind)) {
    throw new QtuneError(
      "unavailable",
      `expected one of ${available.join(", ")} but was given ${kind}, which does not load here`,
      { where: "kind" },
    );
  }
  const why = options.kind === undefined ? "the fastest kind that loads here" : "asked for by name";
  if (kind === "reference")
    return createReferenceBackend(
      options.kind === undefined ? "WebAssembly SIMD does not load here" : why,
    );
  const wanted = options.threads ?? Math.min(platform.processors, 8);
  const threads = canShareMemory() ? wanted : 1;
  const note = threads < wanted ? "; one thread because memory cannot be shared here" : "";
  return createWasmBackend({ kind, threads, platform, reason: why + note });
}
