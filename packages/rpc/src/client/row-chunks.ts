import type { circuitV1 } from "@qtune/contracts";
import { messageLimits } from "../limits.ts";

/** What is cut into chunks: row values [B, Pr] and, for pull-backs, a cotangent [B, K], both as bytes. */
export interface RowSource {
  readonly rows: number;
  readonly rowValues: Buffer;
  readonly cotangent?: Buffer;
}

/** Returns how many rows of some bytes each fit one stream chunk, at least 1. */
export function rowsPerChunk(bytesPerRow: number): number {
  return Math.max(1, Math.floor(messageLimits.maxChunkBytes / Math.max(1, bytesPerRow)));
}

/** Yields rows in order, each chunk under 1 MiB where a row is. Effect: chunks share memory with the source. */
export function* rowChunks(source: RowSource): Generator<circuitV1.RowChunk> {
  const valueBytes = source.rowValues.length / source.rows;
  const cotangent = source.cotangent ?? Buffer.alloc(0);
  const cotangentBytes = cotangent.length / source.rows;
  const step = rowsPerChunk(valueBytes + cotangentBytes);
  for (let firstRow = 0; firstRow < source.rows; firstRow += step) {
    const rows = Math.min(step, source.rows - firstRow);
    yield {
      firstRow,
      rows,
      rowValues: source.rowValues.subarray(firstRow * valueBytes, (firstRow + rows) * valueBytes),
      cotangent: cotangent.subarray(firstRow * cotangentBytes, (firstRow + rows) * cotangentBytes),
    };
  }
}
