import { QtuneError } from "@qtune/base";
import type { circuitV1 } from "@qtune/contracts";
import { messageLimits } from "@qtune/rpc";

/** Puts the chunks of a streamed batch together. */
export interface RowGatherer {
  /** Errors: invalid_argument for a gap or an overlap, resource_exhausted above 512 MiB. */
  add(chunk: circuitV1.RowChunk): void;
  /** Errors: invalid_argument unless all rows came. */
  finish(rows: number): { readonly rowValues: Buffer; readonly cotangent: Buffer };
}

/** Creates a gatherer for one stream. */
export function gatherRows(): RowGatherer {
  const values: Buffer[] = [];
  const cotangents: Buffer[] = [];
  let next = 0;
  let bytes = 0;
  return {
    add: ({ firstRow, rows, rowValues, cotangent }) => {
      if (firstRow !== next || rows < 1) {
        throw QtuneError.fromIssues([
          {
            where: "chunk.first_row",
            expected: `row ${next}, and at least one row`,
            given: `${rows} rows from row ${firstRow}`,
          },
        ]);
      }
      next += rows;
      bytes += rowValues.length + cotangent.length;
      if (bytes > messageLimits.maxStreamedBytes) {
        throw new QtuneError(
          "resource_exhausted",
          `a streamed batch may hold ${messageLimits.maxStreamedBytes} bytes; send several`,
          {
            details: { quota: "bytes of one stream" },
          },
        );
      }
      values.push(rowValues);
      cotangents.push(cotangent);
    },
    finish: (rows) => {
      if (next !== rows)
        throw QtuneError.fromIssues([
          { where: "chunk", expected: `${rows} rows in all`, given: String(next) },
        ]);
      return { rowValues: Buffer.concat(values), cotangent: Buffer.concat(cotangents) };
    },
  };
}

/** One message of a streamed batch, whatever its header. */
interface StreamPart<H> {
  readonly part?:
    | { readonly $case: "header"; readonly value: H }
    | { readonly $case: "chunk"; readonly value: circuitV1.RowChunk }
    | undefined;
}

/** A streamed batch put together. */
export interface GatheredBatch<H> {
  readonly header: H;
  readonly batch: circuitV1.CircuitBatch;
  readonly cotangent: Buffer;
}

/**
 * Reads a stream of a header and chunks to its end.
 *
 * Errors: invalid_argument when the order is another, the header has no batch, or rows are missing.
 */
export async function gatherBatch<H>(
  parts: AsyncIterable<StreamPart<H>>,
  batchOf: (header: H) => circuitV1.CircuitBatch | undefined,
): Promise<GatheredBatch<H>> {
  let header: { readonly value: H } | undefined;
  const rows = gatherRows();
  for await (const { part } of parts) {
    if (part?.$case === "header" && header === undefined) header = { value: part.value };
    else if (part?.$case === "chunk" && header !== undefined) rows.add(part.value);
    else
      throw QtuneError.fromIssues([
        {
          where: "part",
          expected: "the header once, then chunks",
          given: part?.$case ?? "nothing",
        },
      ]);
  }
  const batch = header === undefined ? undefined : batchOf(header.value);
  if (header === undefined || batch === undefined) {
    throw QtuneError.fromIssues([
      { where: "part", expected: "a header with a batch", given: "none" },
    ]);
  }
  const { rowValues, cotangent } = rows.finish(batch.rows);
  return { header: header.value, batch: { ...batch, rowValues }, cotangent };
}
