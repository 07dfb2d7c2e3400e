import { type Abortable, QtuneError, yieldToOthers } from "@qtune/base";
import {
  type Backend,
  type BackendKind,
  type Precision,
  type TileJob,
  bytesOf,
} from "./backend.ts";
import { controlBytes, controlWords as w, maxThreads, registerAddress } from "./control.ts";
import { wasmBase64 } from "./gen/wasm.ts";
import { createMemory, growMemory } from "./memory.ts";
import type { Platform } from "./platform.ts";
import { noAdvance, setTileRegisters } from "./tile-registers.ts";
import { WorkerPool } from "./worker-pool.ts";

/** What the compiled kernels export. */
interface KernelExports {
  runFloat32(program: number, operations: number, registers: number): void;
  runFloat64(program: number, operations: number, registers: number): void;
}

const compiled = new Map<keyof typeof wasmBase64, WebAssembly.Module>();

function decodeBuild(build: keyof typeof wasmBase64): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(wasmBase64[build]), (char) => char.charCodeAt(0));
}

/** Compiles a build once per process: compiling is pure, so the result may be shared. */
function compileModule(build: keyof typeof wasmBase64): WebAssembly.Module {
  const known = compiled.get(build);
  if (known !== undefined) return known;
  const module = new WebAssembly.Module(decodeBuild(build));
  compiled.set(build, module);
  return module;
}

const valid = new Map<keyof typeof wasmBase64, boolean>();

/** Tells whether a build passes the validator of this WebAssembly implementation; asked once per process. */
export function canCompile(build: keyof typeof wasmBase64): boolean {
  if (typeof WebAssembly !== "object") return false;
  const known = valid.get(build) ?? WebAssembly.validate(decodeBuild(build));
  valid.set(build, known);
  return known;
}

/** What {@link createWasmBackend} needs to know. */
export interface WasmBackendOptions {
  readonly kind: Exclude<BackendKind, "reference">;
  readonly threads: number;
  readonly platform: Platform;
  readonly reason: string;
}

/**
 * Creates a backend on WebAssembly SIMD.
 *
 * Effect: owns a memory, and threads from the first parallel job, until closed.
 * Errors: whatever WebAssembly throws where the build does not load.
 */
export function createWasmBackend(options: WasmBackendOptions): Backend {
  return new WasmBackend(options);
}

class WasmBackend implements Backend {
  readonly kind: BackendKind;
  readonly reason: string;
  readonly threads: number;
  readonly firstAddress = controlBytes;
  #memory: WebAssembly.Memory | undefined;
  readonly #exports: KernelExports;
  readonly #pool: WorkerPool | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(options: WasmBackendOptions) {
    const shared = options.threads > 1;
    const build =
      options.kind === "relaxed-simd"
        ? shared
          ? "relaxedShared"
          : "relaxed"
        : shared
          ? "plainShared"
          : "plain";
    const module = compileModule(build);
    this.#memory = createMemory(shared);
    this.#exports = new WebAssembly.Instance(module, { env: { memory: this.#memory } })
      .exports as unknown as KernelExports; // the exports of assembly/index.ts
    this.kind = options.kind;
    this.reason = options.reason;
    this.threads = Math.min(options.threads, maxThreads);
    this.#pool = shared
      ? new WorkerPool(options.platform, module, this.#memory, this.threads - 1)
      : undefined;
  }

  get #buffer(): ArrayBuffer {
    if (this.#memory === undefined)
      throw new QtuneError("failed_precondition", "the backend is closed");
    return this.#memory.buffer as ArrayBuffer; // or shared: the views are the same
  }

  reserve(bytes: number): void {
    if (this.#buffer.byteLength < bytes && this.#memory !== undefined)
      growMemory(this.#memory, bytes);
  }

  float32(address: number, length: number): Float32Array {
    return new Float32Array(this.#buffer, address, length);
  }

  float64(address: number, length: number): Float64Array {
    return new Float64Array(this.#buffer, address, length);
  }

  uint32(address: number, length: number): Uint32Array {
    return new Uint32Array(this.#buffer, address, length);
  }

  int32(address: number, length: number): Int32Array {
    return new Int32Array(this.#buffer, address, length);
  }

  run(precision: Precision, program: number, operations: number, registers: Uint32Array): void {
    this.uint32(registerAddress(0), 16).set(registers);
    this.#call(precision, program, operations);
  }

  async runTiles(job: TileJob, options: Abortable = {}): Promise<void> {
    const previous = this.#last;
    const mine = previous.then(() => this.#runTilesNow(job, options));
    this.#last = mine.catch(() => undefined); // the caller gets the error; the queue only needs the end
    return mine;
  }

  async #runTilesNow(job: TileJob, options: Abortable): Promise<void> {
    const runTile = (tile: number): void => {
      const registers = this.uint32(registerAddress(0), 16);
      setTileRegisters(registers, job, tile);
      registers[1] = job.scratch;
      this.#call(job.precision, job.program, job.operations);
    };
    if (this.#pool !== undefined && job.parallel && job.tiles > 1) {
      this.#describeJob(job);
      await this.#pool.run(runTile, options);
      return;
    }
    let sliceEnd = performance.now() + 20;
    for (let tile = 0; tile < job.tiles; tile++) {
      runTile(tile);
      if (performance.now() > sliceEnd) {
        await yieldToOthers(options.signal);
        sliceEnd = performance.now() + 20;
      }
    }
  }

  #describeJob(job: TileJob): void {
    const control = this.uint32(0, 64);
    control[w.tiles] = job.tiles;
    control[w.precision] = bytesOf(job.precision);
    control[w.program] = job.program;
    control[w.operations] = job.operations;
    control[w.scratch] = job.scratch;
    control[w.scratchBytes] = job.scratchBytes;
    control[w.groupTiles] = job.groupTiles ?? job.tiles;
    control.set(job.base, w.base);
    control.set(job.advance, w.advance);
    control.set(job.groupAdvance ?? noAdvance, w.groupAdvance);
  }

  #call(precision: Precision, program: number, operations: number): void {
    if (precision === "float32") this.#exports.runFloat32(program, operations, registerAddress(0));
    else this.#exports.runFloat64(program, operations, registerAddress(0));
  }

  async close(): Promise<void> {
    await this.#last;
    await this.#pool?.[Symbol.asyncDispose]();
    this.#memory = undefined;
  }
}
