/** Names that a format allows, kept distinct. */

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
 * @param repair turns a name into a well formed one; distinctness is added afterwards by underscores.
 */
export function createNameMaker(
  isAllowed: (name: string) => boolean,
  repair: (name: string) => string,
): NameMaker {
  const given = new Map<string, string>();
  const taken = new Set<string>();
  return {
    name: (kind, wish) => {
      const key = `${kind} ${wish}`;
      const known = given.get(key);
      if (known !== undefined) return known;
      let name = isAllowed(wish) ? wish : repair(wish);
      while (taken.has(name) || !isAllowed(name)) name += "_";
      given.set(key, name);
      taken.add(name);
      return name;
    },
    reserve: (name) => void taken.add(name),
  };
}
