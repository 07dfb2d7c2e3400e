import { QtuneError } from "@qtune/base";

/** A coupler between two qubits, `a` < `b`. */
export interface Coupler {
  readonly a: number;
  readonly b: number;
}

/**
 * Where the qubits of a chip are and which of them have a coupler, whether or not it works today.
 * What works today stands in the calibration snapshot.
 */
export interface Topology {
  /** Number of sites, n; qubits are numbered 0 … n − 1, dead ones included. */
  readonly qubits: number;
  /** All couplers as built, sorted by (a, b), without repeats. */
  readonly couplers: readonly Coupler[];
  /** Place of each qubit for drawings and distances, in units of the lattice. */
  readonly sites: readonly { readonly row: number; readonly col: number }[];
  /** Present on a square grid: `id = cols * row + col`. */
  readonly grid?: { readonly rows: number; readonly cols: number };
}

/**
 * Creates a square grid: `id = cols * row + col`, couplers inside a row and between neighbouring
 * rows.
 *
 * Range: rows, cols ≥ 1, at most 4,096 qubits.
 * Errors: out_of_range.
 *
 * @example
 * createGridTopology(12, 6).couplers.length; // 126
 */
export function createGridTopology(rows: number, cols: number): Topology {
  if (!isSize(rows) || !isSize(cols) || rows * cols > 4096) {
    throw new QtuneError(
      "out_of_range",
      `expected at least one row and column and at most 4,096 qubits but was given ${rows}x${cols}`,
      { where: "topology" },
    );
  }
  const couplers: Coupler[] = [];
  const sites: { row: number; col: number }[] = [];
  for (let row = 0; row < rows; row++) {
    for (let col = 0; col < cols; col++) {
      const id = cols * row + col;
      sites.push({ row, col });
      if (col + 1 < cols) couplers.push({ a: id, b: id + 1 });
      if (row + 1 < rows) couplers.push({ a: id, b: id + cols });
    }
  }
  return { qubits: rows * cols, couplers: sortCouplers(couplers), sites, grid: { rows, cols } };
}

function isSize(value: number): boolean {
  return Number.isInteger(value) && value >= 1;
}

/**
 * Creates a topology from a list of couplers.
 *
 * Range:  couplers in any direction and order; repeats are merged. Without `sites` the qubits stand
 *         on a near-square grid in order of their number, which serves drawings only.
 * Errors: out_of_range for more than 100,000 qubits, invalid_argument for a coupler outside the
 *         qubits or from a qubit to itself.
 */
export function createTopology(options: {
  readonly qubits: number;
  readonly couplers: readonly Coupler[];
  readonly sites?: readonly { readonly row: number; readonly col: number }[];
}): Topology {
  const { qubits } = options;
  if (!isSize(qubits) || qubits > 100_000) {
    throw new QtuneError("out_of_range", `expected 1 to 100,000 qubits but was given ${qubits}`, {
      where: "topology.qubits",
    });
  }
  for (const [index, { a, b }] of options.couplers.entries()) {
    if (!isQubit(a, qubits) || !isQubit(b, qubits) || a === b) {
      throw new QtuneError(
        "invalid_argument",
        `expected two different qubits below ${qubits} but was given (${a}, ${b})`,
        { where: `topology.couplers[${index}]` },
      );
    }
  }
  const width = Math.ceil(Math.sqrt(qubits));
  const sites =
    options.sites ??
    Array.from({ length: qubits }, (_, id) => ({ row: Math.floor(id / width), col: id % width }));
  return { qubits, couplers: sortCouplers(options.couplers), sites };
}

function isQubit(value: number, qubits: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < qubits;
}

function sortCouplers(couplers: readonly Coupler[]): readonly Coupler[] {
  const byKey = new Map<string, Coupler>();
  for (const { a, b } of couplers) {
    const coupler = a < b ? { a, b } : { a: b, b: a };
    byKey.set(couplerKey(coupler.a, coupler.b), coupler);
  }
  return [...byKey.values()].sort((x, y) => x.a - y.a || x.b - y.b);
}

/** Returns the name of a coupler, the same for both directions: `3-9`. */
export function couplerKey(a: number, b: number): string {
  return a < b ? `${a}-${b}` : `${b}-${a}`;
}

/**
 * Returns the connected regions of a graph, the largest first, each sorted by qubit.
 *
 * Cost: O(qubits + couplers).
 */
export function connectedRegions(
  qubits: readonly number[],
  couplers: readonly Coupler[],
): readonly (readonly number[])[] {
  const neighbours = new Map<number, number[]>(qubits.map((qubit) => [qubit, []]));
  for (const { a, b } of couplers) {
    neighbours.get(a)?.push(b);
    neighbours.get(b)?.push(a);
  }
  const seen = new Set<number>();
  const regions: number[][] = [];
  for (const start of qubits) {
    if (seen.has(start)) continue;
    const region: number[] = [start];
    seen.add(start);
    for (let next = 0; next < region.length; next++) {
      for (const neighbour of neighbours.get(region[next] ?? -1) ?? []) {
        if (seen.has(neighbour) || !neighbours.has(neighbour)) continue;
        seen.add(neighbour);
        region.push(neighbour);
      }
    }
    regions.push(region.sort((a, b) => a - b));
  }
  return regions.sort((a, b) => b.length - a.length || (a[0] ?? 0) - (b[0] ?? 0));
}
