import { QtuneError } from "@qtune/base";

/** What a resource name of a device service names. */
export interface TaskBatchName {
  readonly device: string;
  readonly batch: string;
  readonly row?: number;
}

/** Parses `devices/{device}/taskBatches/{batch}[/tasks/{row}]`. Errors: invalid_argument. */
export function parseTaskName(name: string, kind: "task batch" | "task"): TaskBatchName {
  const match = /^(devices\/[a-z0-9-]+)\/taskBatches\/([a-z0-9-]+)(?:\/tasks\/(\d{1,9}))?$/.exec(
    name,
  );
  const [, device, batch, row] = match ?? [];
  if (device === undefined || batch === undefined || (row !== undefined) !== (kind === "task")) {
    const expected = `devices/{device}/taskBatches/{batch}${kind === "task" ? "/tasks/{row}" : ""}`;
    throw QtuneError.fromIssues([
      { where: "name", expected, given: JSON.stringify(name.slice(0, 200)) },
    ]);
  }
  return { device, batch, ...(row === undefined ? {} : { row: Number(row) }) };
}

/** Returns the page size of a list: 50 unless given, at most 1,000. Errors: invalid_argument above that. */
export function pageSizeOf(pageSize: number): number {
  if (pageSize > 1000)
    throw QtuneError.fromIssues([
      { where: "page_size", expected: "at most 1000", given: String(pageSize) },
    ]);
  return pageSize === 0 ? 50 : pageSize;
}

/** Parses a page token of ours: a decimal number. Errors: invalid_argument. */
export function pageOffset(token: string): number {
  if (token === "") return 0;
  if (!/^\d{1,15}$/.test(token)) {
    throw QtuneError.fromIssues([
      {
        where: "page_token",
        expected: "the next_page_token of the page before",
        given: JSON.stringify(token.slice(0, 40)),
      },
    ]);
  }
  return Number(token);
}

/** Throws not_found for a resource. */
export function notFound(type: string, name: string): QtuneError {
  return new QtuneError("not_found", `there is no ${type} ${name}`, {
    details: { resourceType: type, resourceName: name },
  });
}
