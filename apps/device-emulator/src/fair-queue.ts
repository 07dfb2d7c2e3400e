/**
 * Weighted fair choice between principals: whoever has used the least chip time for their weight is served next, and
 * somebody who comes anew starts level with those who are there, not with a credit for their absence.
 */
export class FairQueue {
  readonly #used = new Map<string, number>();
  readonly #weightOf: (principal: string) => number;

  constructor(weightOf: (principal: string) => number) {
    this.#weightOf = weightOf;
  }

  /** Brings a principal who has new work up to the level of the least served of those who have work. */
  enter(principal: string, waiting: readonly string[]): void {
    const others = waiting.filter((each) => each !== principal);
    const level = Math.min(...others.map((each) => this.#used.get(each) ?? 0));
    const own = this.#used.get(principal) ?? 0;
    this.#used.set(principal, Number.isFinite(level) ? Math.max(own, level) : own);
  }

  /** Adds chip time to what a principal has used. */
  charge(principal: string, chipSeconds: number): void {
    this.#used.set(
      principal,
      (this.#used.get(principal) ?? 0) + chipSeconds / Math.max(1e-9, this.#weightOf(principal)),
    );
  }

  /** Returns all pieces of work in the order in which they would be served, each charged to a copy of the accounts. */
  order<T>(
    work: readonly T[],
    of: (piece: T) => {
      readonly principal: string;
      readonly priority: number;
      readonly chipSeconds: number;
    },
  ): readonly T[] {
    const rehearsal = new FairQueue(this.#weightOf);
    for (const [principal, used] of this.#used) rehearsal.#used.set(principal, used);
    const left = [...work];
    const out: T[] = [];
    for (;;) {
      const next = rehearsal.pick(left, of);
      if (next === undefined) return out;
      left.splice(left.indexOf(next), 1);
      rehearsal.charge(of(next).principal, of(next).chipSeconds);
      out.push(next);
    }
  }

  /** Returns the piece of work that is next: least used principal, then highest priority, then the first of the list. */
  pick<T>(
    work: readonly T[],
    of: (piece: T) => { readonly principal: string; readonly priority: number },
  ): T | undefined {
    let best: { piece: T; used: number; priority: number } | undefined;
    for (const piece of work) {
      const { principal, priority } = of(piece);
      const used = this.#used.get(principal) ?? 0;
      if (
        best === undefined ||
        used < best.used ||
        (used === best.used && priority > best.priority)
      )
        best = { piece, used, priority };
    }
    return best?.piece;
  }
}
