import { createRandom } from "@qtune/base";
import { describe, expect, test } from "vitest";
import {
  type PackProblem,
  type Place,
  type Round,
  type ShapePlace,
  packRounds,
} from "./packing.ts";

/** A grid of rows × cols sites with neighbours inside rows and columns. */
function gridNeighbours(rows: number, cols: number): number[][] {
  return Array.from({ length: rows * cols }, (_, id) => {
    const [row, col] = [Math.floor(id / cols), id % cols];
    return [
      row > 0 ? id - cols : -1,
      row + 1 < rows ? id + cols : -1,
      col > 0 ? id - 1 : -1,
      col + 1 < cols ? id + 1 : -1,
    ].filter((other) => other >= 0);
  });
}

/** All 2 × 2 squares of a grid. */
function squares(rows: number, cols: number, cost: (at: number) => number = () => 1): Place[] {
  const places: Place[] = [];
  for (let row = 0; row + 1 < rows; row++) {
    for (let col = 0; col + 1 < cols; col++) {
      const id = row * cols + col;
      places.push({ qubits: [id, id + 1, id + cols, id + cols + 1], cost: cost(id) });
    }
  }
  return places;
}

/** All horizontal and vertical pairs of a grid. */
function pairs(rows: number, cols: number): Place[] {
  return gridNeighbours(rows, cols).flatMap((near, a) =>
    near.filter((b) => b > a).map((b) => ({ qubits: [a, b], cost: 0.1 })),
  );
}

function expectDisjoint(problem: PackProblem, rounds: readonly Round[]) {
  for (const round of rounds) {
    const owner = new Map<number, number>();
    const placed = round.map(
      ({ item, place }) => problem.shapes[problem.items[item]?.shape ?? 0]?.[place]?.qubits ?? [],
    );
    placed.forEach((qubits, index) => {
      for (const qubit of qubits) {
        expect(owner.has(qubit), `qubit ${qubit} is used twice`).toBe(false);
        owner.set(qubit, index);
      }
    });
    placed.forEach((qubits, index) => {
      for (const qubit of qubits) {
        for (const near of problem.buffer[qubit] ?? [])
          expect([index, undefined]).toContain(owner.get(near));
      }
    });
  }
}

function problemOf(
  rows: number,
  cols: number,
  shapes: readonly (readonly Place[])[],
  counts: readonly number[],
  buffered = true,
): PackProblem {
  const items = counts.flatMap((count, shape) => Array.from({ length: count }, () => ({ shape })));
  const buffer = buffered
    ? gridNeighbours(rows, cols)
    : Array.from({ length: rows * cols }, () => []);
  return { size: rows * cols, buffer, shapes, items, seed: 1n };
}

describe("packRounds", () => {
  test("fills a grid of 12 by 6 with 9 buffered squares and keeps them apart", () => {
    const problem = problemOf(12, 6, [squares(12, 6)], [200]);
    const rounds = packRounds(problem);
    expectDisjoint(problem, rounds);
    expect(Math.max(...rounds.map((round) => round.length))).toBe(9); // the exact maximum, chip.md 6
    expect(rounds).toHaveLength(Math.ceil(200 / 9));
    expect(
      rounds
        .flat()
        .map(({ item }) => item)
        .sort((a, b) => a - b),
    ).toEqual(problem.items.map((_, index) => index));
  });

  test("without a buffer the grid holds at least 17 of the 18 possible squares", () => {
    const rounds = packRounds(problemOf(12, 6, [squares(12, 6)], [18], false));
    expect(Math.max(...rounds.map((round) => round.length))).toBeGreaterThanOrEqual(17);
  });

  test("takes the cheapest among equally large sets", () => {
    const rounds = packRounds(
      problemOf(2, 5, [squares(2, 5, (id) => (id === 1 || id === 4 ? 5 : 1))], [2]),
    );
    // Squares at columns 0 and 3 are the only two that leave a column between them.
    expect(rounds).toHaveLength(1);
    const single = packRounds(problemOf(2, 3, [squares(2, 3, (id) => (id === 0 ? 3 : 1))], [1]));
    expect(single).toEqual([[{ item: 0, place: 1 }]]);
  });

  test("packs squares and pairs together, squares first", () => {
    const problem = problemOf(6, 6, [squares(6, 6), pairs(6, 6)], [3, 12]);
    const rounds = packRounds(problem);
    expectDisjoint(problem, rounds);
    expect(rounds[0]?.filter(({ item }) => item < 3)).toHaveLength(3);
    expect(rounds.flat()).toHaveLength(15);
  });

  test("users take turns", () => {
    const problem = problemOf(2, 2, [squares(2, 2)], [6]);
    const items = problem.items.map((item, index) => ({
      ...item,
      user: index < 4 ? "first" : "second",
    }));
    const rounds = packRounds({ ...problem, items });
    expect(rounds.map(([packed]) => packed?.item)).toEqual([0, 4, 1, 5, 2, 3]);
  });

  test("the first waiting circuit is always in the next round, however large", () => {
    const whole: Place = { qubits: Array.from({ length: 16 }, (_, q) => q), cost: 1 };
    const problem = problemOf(4, 4, [pairs(4, 4), [whole]], [0, 0]);
    const items = [{ shape: 0 }, { shape: 1 }, ...Array.from({ length: 30 }, () => ({ shape: 0 }))];
    const rounds = packRounds({ ...problem, items });
    expect(rounds.findIndex((round) => round.some(({ item }) => item === 1))).toBe(1);
  });

  test("is a pure function of its arguments", () => {
    const random = createRandom(5);
    const shapes = [squares(12, 6, () => random.nextUniform()), pairs(12, 6)];
    const problem = problemOf(12, 6, shapes, [40, 40]);
    expect(packRounds(problem)).toEqual(packRounds(problem));
  });

  test("with crosstalk it takes the places that disturb each other least among equally many", () => {
    const shapes = [squares(2, 6)]; // columns 0 to 4; three squares fit side by side without a buffer
    const problem = problemOf(2, 6, shapes, [2], false);
    const columnOf = (place: number) => shapes[0]?.[place]?.qubits[0] ?? 0;
    const costBeside = (of: ShapePlace, beside: ShapePlace) =>
      Math.abs(columnOf(of.place) - columnOf(beside.place)) === 2 ? 0.2 : 0; // they touch
    const crosstalk = { costBeside, maxCost: [Infinity] };
    for (let seed = 0n; seed < 8n; seed++) {
      const rounds = packRounds({ ...problem, seed, crosstalk });
      expect(rounds).toHaveLength(1);
      const [a = 0, b = 0] = (rounds[0] ?? []).map(({ place }) => columnOf(place));
      expect(Math.abs(a - b)).toBeGreaterThan(2);
    }
  });

  test("with crosstalk nobody falls below the floor, and what cannot stand together waits", () => {
    const shapes = [squares(2, 6)];
    const problem = problemOf(2, 6, shapes, [6], false);
    const always = { costBeside: () => 0.6, maxCost: [1.7] }; // own cost 1: one neighbour is allowed, two are not
    const rounds = packRounds({ ...problem, crosstalk: always });
    expect(rounds.map((round) => round.length)).toEqual([2, 2, 2]);
    const never = { costBeside: () => 0.6, maxCost: [1.5] };
    expect(packRounds({ ...problem, crosstalk: never })).toHaveLength(6);
  });

  test("stays within 1.1 times the rounds of an exact solver on small chips", () => {
    const random = createRandom(6);
    for (let k = 0; k < 12; k++) {
      const [rows, cols] = [3 + random.nextBelow(3), 4];
      const places = (k % 2 === 0 ? squares(rows, cols) : pairs(rows, cols)).filter(
        () => random.nextUniform() < 0.8,
      );
      if (places.length === 0) continue;
      const count = 40;
      const problem = problemOf(rows, cols, [places], [count]);
      const exact = Math.ceil(count / largestSetExactly(problem, places));
      const rounds = packRounds(problem);
      expectDisjoint(problem, rounds);
      expect(rounds.length, `case ${k}`).toBeLessThanOrEqual(Math.ceil(1.1 * exact));
    }
  });
});

/** Size of the largest set of places that do not exclude each other, by exhaustive search with bounds. */
function largestSetExactly(problem: PackProblem, places: readonly Place[]): number {
  const halo = places.map(
    ({ qubits }) => new Set(qubits.flatMap((qubit) => [qubit, ...(problem.buffer[qubit] ?? [])])),
  );
  const excludes = (a: number, b: number) =>
    (places[a]?.qubits ?? []).some((qubit) => halo[b]?.has(qubit) === true);
  let best = 0;
  const search = (open: readonly number[], size: number): void => {
    best = Math.max(best, size);
    const [first, ...rest] = open;
    if (first === undefined || size + open.length <= best) return;
    search(
      rest.filter((other) => !excludes(first, other)),
      size + 1,
    );
    search(rest, size);
  };
  search([...places.keys()], 0);
  return best;
}
