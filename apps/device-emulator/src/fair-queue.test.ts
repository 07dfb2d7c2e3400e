import { describe, expect, test } from "vitest";
import { FairQueue } from "./fair-queue.ts";

interface Piece {
  readonly principal: string;
  readonly priority: number;
  readonly name: string;
}

const piece = (principal: string, name: string, priority = 0): Piece => ({
  principal,
  name,
  priority,
});
const self = (each: Piece): Piece => each;

/** Serves `rounds` pieces of one chip second each and counts who got them. */
function serve(queue: FairQueue, work: readonly Piece[], rounds: number): Record<string, number> {
  const served: Record<string, number> = {};
  for (let round = 0; round < rounds; round++) {
    const next = queue.pick(work, self);
    if (next === undefined) break;
    queue.charge(next.principal, 1);
    served[next.principal] = (served[next.principal] ?? 0) + 1;
  }
  return served;
}

describe("the fair queue", () => {
  test("shares chip time by weight, however much each has waiting", () => {
    const queue = new FairQueue((principal) => (principal === "alice" ? 2 : 1));
    const work = [
      ...Array.from({ length: 9 }, (_, i) => piece("bob", `b${i}`)),
      piece("alice", "a"),
    ];
    expect(serve(queue, work, 300)).toEqual({ alice: 200, bob: 100 });
  });

  test("takes higher priority first within one principal, then the older", () => {
    const queue = new FairQueue(() => 1);
    expect(
      queue.pick([piece("a", "old"), piece("a", "urgent", 5), piece("a", "new")], self)?.name,
    ).toBe("urgent");
    expect(queue.pick([piece("a", "old"), piece("a", "new")], self)?.name).toBe("old");
    expect(queue.pick([], self)).toBeUndefined();
  });

  test("priority of one principal takes nothing from another", () => {
    const queue = new FairQueue(() => 1);
    expect(serve(queue, [piece("pushy", "p", 9), piece("modest", "m", 0)], 100)).toEqual({
      pushy: 50,
      modest: 50,
    });
  });

  test("starts a newcomer level with those who are there, without credit for its absence", () => {
    const queue = new FairQueue(() => 1);
    queue.enter("old", []);
    serve(queue, [piece("old", "o")], 1000);
    queue.enter("new", ["old", "new"]);
    expect(serve(queue, [piece("old", "o"), piece("new", "n")], 100)).toEqual({ old: 50, new: 50 });
  });

  test("tells in which order work would be served, charging nobody", () => {
    const queue = new FairQueue(() => 1);
    queue.charge("a", 1);
    const work = [piece("a", "a1"), piece("a", "a2", 3), piece("b", "b1"), piece("b", "b2")];
    const ordered = () => queue.order(work, (each) => ({ ...each, chipSeconds: 1 }));
    expect(ordered().map(({ name }) => name)).toEqual(["b1", "a2", "b2", "a1"]);
    expect(ordered()).toEqual(ordered());
  });
});
