/**
 * Runs plans on a backend: places the program once per structure, the values once per call, then lets the backend run
 * its tiles. Calls queue; memory is reused from call to call.
 */
import { type Abortable, internalError } from "@qtune/base";
import { type Backend, type Precision, bytesOf, encodeProgram } from "@qtune/kernels";
import type { Plan } from "../plan/plan.ts";
import { bindShared } from "./bind.ts";
import type { ObservableTable } from "./observable-table.ts";
import { type TileProgram, tileRegisters, writeTileProgram } from "./tile-program.ts";

/** What to compute for B rows. */
export interface BatchedJob {
  readonly plan: Plan;
  readonly observables: ObservableTable;
  readonly precision: Precision;
  readonly shared: Float64Array;
  readonly rows: Float64Array;
  readonly B: number;
  /** Cotangent [B, K]: asks for gradients instead of expectations. */
  readonly cotangent?: Float64Array | undefined;
  readonly probabilities: boolean;
}

/**
 * What came out.
 *
 * Shapes: expectations [B, K]; probabilities [B, 2^n]; rowGradients [B, Pr]; sharedGradients [tiles, Ps], one row per
 *         tile of W rows, each already the pairwise sum over its rows.
 */
export interface BatchedResult {
  readonly expectations: Float64Array;
  readonly probabilities: Float64Array;
  readonly rowGradients: Float64Array;
  readonly sharedGradients: Float64Array;
  readonly tiles: number;
}

/** Work, in amplitude updates, below which waking threads costs more than it saves. */
const parallelWork = 600_000;
/** Memory for the values of one chunk of rows. */
const chunkBytes = 2 ** 27;
/** Tables of structures are dropped together when they outgrow this. */
const fixedLimitBytes = 2 ** 28;

/** Returns the rows per tile: 64 KiB of amplitudes, or 16 rows in 128 KiB; 4 … 64 rows, no more than the batch needs. */
export function tileRows(n: number, precision: Precision, B: number): number {
  const rowBytes = 2 * 2 ** n * bytesOf(precision);
  const fitting = Math.max(65536 / rowBytes, Math.min(16, 131072 / rowBytes));
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(1, B)));
  return Math.max(4, Math.min(64, fitting, wanted));
}

/** Where a program's own tables lie. */
interface Placement {
  readonly tables: number;
  readonly program: number;
  readonly operations: number;
}

/** A batched engine on one backend. */
export class BatchedEngine {
  readonly #backend: Backend;
  readonly #programs = new WeakMap<Plan, WeakMap<ObservableTable, Map<string, TileProgram>>>();
  #placements = new Map<TileProgram, Placement>();
  #free: number;
  #last: Promise<unknown> = Promise.resolve();

  constructor(backend: Backend) {
    this.#backend = backend;
    this.#free = backend.firstAddress;
  }

  /** Runs a job after all earlier ones. Errors: cancelled, resource_exhausted, unavailable. */
  async run(job: BatchedJob, options: Abortable = {}): Promise<BatchedResult> {
    const mine = this.#last.then(() => this.#runNow(job, options));
    this.#last = mine.catch(() => undefined); // the caller gets the error; the queue only needs the end
    return mine;
  }

  async #runNow(job: BatchedJob, options: Abortable): Promise<BatchedResult> {
    const { plan, B, precision, observables } = job;
    const W = tileRows(plan.n, precision, B);
    const program = this.#programOf(job, W);
    const tiles = Math.ceil(B / W);
    const columns = {
      rows: plan.Pr,
      cotangent: job.cotangent === undefined ? 0 : observables.K,
      expectations: job.cotangent === undefined ? observables.K : 0,
      probabilities: job.probabilities ? 2 ** plan.n : 0,
      rowGradients: job.cotangent === undefined ? 0 : plan.Pr,
    };
    const perTile = 8 * W * Object.values(columns).reduce((sum, one) => sum + one, 0);
    const chunkTiles = Math.max(1, Math.floor(chunkBytes / Math.max(1, perTile)));
    const result = {
      expectations: new Float64Array(B * columns.expectations),
      probabilities: new Float64Array(B * columns.probabilities),
      rowGradients: new Float64Array(B * columns.rowGradients),
      sharedGradients: new Float64Array(job.cotangent === undefined ? 0 : tiles * plan.Ps),
      tiles,
    };
    const bound = bindShared(plan, program, job.shared, precision);
    for (let first = 0; first < tiles; first += chunkTiles) {
      await this.#runChunk(
        {
          job,
          program,
          W,
          columns,
          bound,
          first,
          count: Math.min(chunkTiles, tiles - first),
          result,
        },
        options,
      );
    }
    return result;
  }

  #programOf(job: BatchedJob, W: number): TileProgram {
    const byObservables =
      this.#programs.get(job.plan) ?? new WeakMap<ObservableTable, Map<string, TileProgram>>();
    this.#programs.set(job.plan, byObservables);
    const byOptions = byObservables.get(job.observables) ?? new Map<string, TileProgram>();
    byObservables.set(job.observables, byOptions);
    const gradient = job.cotangent !== undefined;
    const key = `${job.precision} ${W} ${gradient} ${job.probabilities}`;
    const known = byOptions.get(key);
    if (known !== undefined) return known;
    const program = writeTileProgram(job.plan, job.observables, {
      precision: job.precision,
      W,
      gradient,
      probabilities: job.probabilities,
    });
    byOptions.set(key, program);
    return program;
  }

  /** Writes the tables and the program of a structure into memory, once. */
  #place(program: TileProgram, precision: Precision): Placement {
    const known = this.#placements.get(program);
    if (known !== undefined) return known;
    if (this.#free > fixedLimitBytes) {
      this.#placements = new Map();
      this.#free = this.#backend.firstAddress;
    }
    const words = encodeProgram(program.calls);
    const tables = align(this.#free);
    const at = align(tables + program.fixedBytes);
    this.#free = align(at + 4 * words.length);
    this.#backend.reserve(this.#free);
    for (const { offset, type, values } of program.fixedTables) {
      const address = tables + offset;
      if (type === "int32") this.#backend.int32(address, values.length).set(values);
      else if (type === "uint32") this.#backend.uint32(address, values.length).set(values);
      else if (type === "float64" || precision === "float64")
        this.#backend.float64(address, values.length).set(values);
      else this.#backend.float32(address, values.length).set(values);
    }
    this.#backend.uint32(at, words.length).set(words);
    const placement = { tables, program: at, operations: program.calls.length };
    this.#placements.set(program, placement);
    return placement;
  }

  async #runChunk(chunk: Chunk, options: Abortable): Promise<void> {
    const { job, program, W, columns, bound, first, count, result } = chunk;
    const { plan, B, precision } = job;
    const placement = this.#place(program, precision);
    const firstRow = first * W;
    const rowCount = Math.min(B - firstRow, count * W);
    let next = align(this.#free);
    const take = (bytes: number): number => {
      const at = next;
      next = align(next + bytes);
      return at;
    };
    const base = new Uint32Array(16);
    const advance = new Uint32Array(16);
    base[tileRegisters.fixed] = placement.tables;
    base[tileRegisters.bound] = take(bound.length);
    for (const name of [
      "rows",
      "cotangent",
      "expectations",
      "probabilities",
      "rowGradients",
    ] as const) {
      base[tileRegisters[name]] = take(8 * W * count * columns[name]);
      advance[tileRegisters[name]] = 8 * W * columns[name];
    }
    const sumColumns = job.cotangent === undefined ? 0 : Math.ceil(plan.Ps / 2) * 2;
    base[tileRegisters.sharedGradients] = take(8 * count * sumColumns);
    advance[tileRegisters.sharedGradients] = 8 * sumColumns;
    const scratch = take(align(program.scratchBytes) * this.#backend.threads);
    this.#backend.reserve(next);
    this.#backend
      .uint32(base[tileRegisters.bound] ?? 0, bound.length / 4)
      .set(new Uint32Array(bound.buffer, bound.byteOffset, bound.length / 4));
    const address = (register: keyof typeof tileRegisters): number =>
      base[tileRegisters[register]] ?? 0;
    this.#writeRows(job.rows, {
      address: address("rows"),
      columns: columns.rows,
      firstRow,
      rowCount,
      padded: W * count,
    });
    if (job.cotangent !== undefined) {
      this.#writeRows(job.cotangent, {
        address: address("cotangent"),
        columns: columns.cotangent,
        firstRow,
        rowCount,
        padded: W * count,
      });
    }
    await this.#backend.runTiles(
      {
        precision,
        program: placement.program,
        operations: placement.operations,
        tiles: count,
        base,
        advance,
        scratch,
        scratchBytes: align(program.scratchBytes),
        parallel: program.work * count > parallelWork,
      },
      options,
    );
    for (const name of ["expectations", "probabilities", "rowGradients"] as const) {
      result[name].set(
        this.#backend.float64(address(name), rowCount * columns[name]),
        firstRow * columns[name],
      );
    }
    if (job.cotangent === undefined) return;
    const sums = this.#backend.float64(address("sharedGradients"), count * sumColumns);
    for (let tile = 0; tile < count; tile++) {
      result.sharedGradients.set(
        sums.subarray(tile * sumColumns, tile * sumColumns + plan.Ps),
        (first + tile) * plan.Ps,
      );
    }
  }

  /** Copies rows in; the padding of the last tile is zero, which is a valid angle and a cotangent without effect. */
  #writeRows(
    values: Float64Array,
    to: {
      readonly address: number;
      readonly columns: number;
      readonly firstRow: number;
      readonly rowCount: number;
      readonly padded: number;
    },
  ): void {
    const { address, columns, firstRow, rowCount, padded } = to;
    if (columns === 0) return;
    const view = this.#backend.float64(address, padded * columns);
    view.set(values.subarray(firstRow * columns, (firstRow + rowCount) * columns));
    view.fill(0, rowCount * columns);
  }
}

interface Chunk {
  readonly job: BatchedJob;
  readonly program: TileProgram;
  readonly W: number;
  readonly columns: Readonly<
    Record<"rows" | "cotangent" | "expectations" | "probabilities" | "rowGradients", number>
  >;
  readonly bound: Uint8Array;
  readonly first: number;
  readonly count: number;
  readonly result: BatchedResult;
}

function align(bytes: number): number {
  if (!Number.isSafeInteger(bytes)) throw internalError(`an address is ${bytes}`);
  return Math.ceil(bytes / 64) * 64;
}
