/** Names that a format allows, kept distinct. */

/**
 * Returns a name like the wished one that is not taken: `x`, `x_`, `x_2`, `x_3` …
 *
 * @param next the number to try next for each wish, so that many equal wishes stay cheap; changed.
 */
export function distinctName(
  wish: string,
  isTaken: (name: string) => boolean,
  next: Map<string, number>,
): string {
  if (!isTaken(wish)) return wish;
  if (!isTaken(`${wish}_`)) return `${wish}_`;
  let number = next.get(wish) ?? 2;
  while (isTaken(`${wish}_${number}`)) number += 1;
  next.set(wish, number + 1);
  return `${wish}_${number}`;
}

/** Gives every wished name a distinct one that the format allows; the same wish gets the same name. */
export interface NameMaker {
  /** Returns the name for a wish of a kind; kinds share one space of names. */
  name(kind: string, wish: string): string;
  /** Takes a name out of the space. */
  reserve(name: string): void;
}

/**
 * Creates a name maker.
 *
 * @param isAllowed whether a name is well formed and not a keyword.
 * @param repair turns a name into a well formed one, or into a keyword; distinctness is added afterwards.
 */
export function createNameMaker(
  isAllowed: (name: string) => boolean,
  repair: (name: string) => string,
): NameMaker {
  const given = new Map<string, string>();
  const taken = new Set<string>();
  const next = new Map<string, number>();
  return {
    name: (kind, wish) => {
      const key = `${kind} ${wish}`;
      const known = given.get(key);
      if (known !== undefined) return known;
      const base = isAllowed(wish) ? wish : repair(wish);
      const name = distinctName(base, (one) => taken.has(one) || !isAllowed(one), next);
      given.set(key, name);
      taken.add(name);
      return name;
    },
    reserve: (name) => void taken.add(name),
  };
}
