/** Finds where in a YAML text a path of keys stands, so that a problem can point at it. */
import { type Document, LineCounter, isMap, isNode, isPair, isScalar, parseDocument } from "yaml";

/** A place in a text. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
  readonly excerpt: string;
}

/** A parsed YAML text that knows where its values stand. */
export interface LocatedDocument {
  readonly value: unknown;
  readonly problems: readonly (TextPlace & { readonly message: string })[];
  /** Returns the place of a value, of its key where `atKey`, or of the nearest thing above it. */
  locate(path: readonly PropertyKey[], atKey?: boolean): TextPlace | undefined;
}

/** Parses YAML 1.2 (and with it JSON), keeping positions. Effect: never throws; problems are returned. */
export function parseLocated(text: string): LocatedDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
  });
  const rows = text.split(/\r?\n/);
  const placeOf = (offset: number): TextPlace => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col, excerpt: rows[line - 1] ?? "" };
  };
  return {
    value: document.errors.length > 0 ? undefined : document.toJS({ maxAliasCount: 100 }),
    problems: document.errors.map(({ message, pos }) => ({ message, ...placeOf(pos[0]) })),
    locate(path, atKey = false) {
      for (let length = path.length; length > 0; length--) {
        const offset = offsetOf(document, path.slice(0, length), atKey && length === path.length);
        if (offset !== undefined) return placeOf(offset);
      }
      return undefined;
    },
  };
}

function offsetOf(
  document: Document,
  path: readonly PropertyKey[],
  atKey: boolean,
): number | undefined {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const key = path.at(-1);
  if (isMap(parent)) {
    const pair = parent.items.find(
      (item) => isPair(item) && isScalar(item.key) && item.key.value === key,
    );
    const node = atKey || !isNode(pair?.value) ? pair?.key : pair.value;
    return isNode(node) ? node.range?.[0] : undefined;
  }
  const node = document.getIn(path, true);
  return isNode(node) ? node.range?.[0] : undefined;
}
