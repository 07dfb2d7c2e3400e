/**
 * Places in JSON texts: where a value stands that an issue names by its path, and where a text stops being JSON. The
 * engine's own parser tells neither in a portable way; this scan runs only when there is something to say.
 */

/** A place, and what JSON would have there when the text is none. */
export interface JsonPlace {
  readonly offset: number;
  readonly expected?: string;
}

/** A value, and the wanted paths (by number) that lead to or through it. */
interface Spot {
  readonly path: string;
  readonly wanted: readonly number[];
}

interface Level {
  readonly isList: boolean;
  readonly spot: Spot;
  index: number;
}

interface Scan {
  readonly text: string;
  readonly paths: readonly string[];
  readonly levels: Level[];
  at: number;
  /** The value at `at`. */
  own: Spot;
}

const nowhere: Spot = { path: "", wanted: [] };

/**
 * Returns where the values of paths stand, or the innermost values around them that are there; where the text is no JSON,
 * that place for all of them. `root` is how the paths call the whole text.
 *
 * Cost: one pass over the text, whatever its nesting.
 *
 * @example
 * findJsonPlaces('{"a": [1, 2]}', "circuit", ["circuit.a[1]"]); // [{ offset: 10 }]
 */
export function findJsonPlaces(
  text: string,
  root: string,
  paths: readonly string[],
): readonly JsonPlace[] {
  const start = skipBlank(text, 0);
  const own: Spot = { path: root, wanted: paths.map((_, i) => i) };
  const scan: Scan = { text, paths, levels: [], at: start, own };
  const places = paths.map((): JsonPlace => ({ offset: start }));
  for (;;) {
    for (const i of scan.own.wanted) places[i] = { offset: scan.at };
    let wrong = readToken(scan);
    if (wrong === undefined && scan.levels.length > 0) continue;
    if (wrong === undefined && scan.at < text.length) wrong = "the end of the text";
    if (wrong === undefined) return places;
    const place: JsonPlace = { offset: scan.at, expected: wrong };
    return paths.map(() => place);
  }
}

/** Reads up to the start of the next value, or to the end; returns what JSON would have where something else stands. */
function readToken(scan: Scan): string | undefined {
  const { text, levels } = scan;
  const open = text[scan.at];
  if (open === "{" || open === "[") {
    const level: Level = { isList: open === "[", spot: scan.own, index: 0 };
    levels.push(level);
    scan.at = skipBlank(text, scan.at + 1);
    return text[scan.at] === closing(level) ? readBehind(scan) : enterMember(scan, level);
  }
  const end = scalarEnd(text, scan.at);
  if (end === scan.at) return "a value";
  scan.at = skipBlank(text, end);
  return readBehind(scan);
}

/** Behind a value: closes what ends here and goes to the next member. */
function readBehind(scan: Scan): string | undefined {
  const { text, levels } = scan;
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    if (text[scan.at] === closing(level)) {
      levels.pop();
      scan.at = skipBlank(text, scan.at + 1);
      continue;
    }
    if (text[scan.at] !== ",") return `"," or "${closing(level)}"`;
    scan.at = skipBlank(text, scan.at + 1);
    level.index += 1;
    return enterMember(scan, level);
  }
  return undefined;
}

function closing(level: Level): string {
  return level.isList ? "]" : "}";
}

/** Goes to the value of the next member: over its name and colon in an object. */
function enterMember(scan: Scan, level: Level): string | undefined {
  if (level.isList) {
    scan.own = childSpot(scan, level, () => `[${level.index}]`);
    return undefined;
  }
  const { text } = scan;
  const start = scan.at;
  const end = text[start] === '"' ? scalarEnd(text, start) : start;
  if (end === start) return "a name in double quotes";
  scan.at = skipBlank(text, end);
  if (text[scan.at] !== ":") return '":"';
  scan.at = skipBlank(text, scan.at + 1);
  scan.own = childSpot(scan, level, () => `.${JSON.parse(text.slice(start, end))}`); // a string, as its scan found
  return undefined;
}

function childSpot(scan: Scan, level: Level, step: () => string): Spot {
  const { path: parent, wanted } = level.spot;
  if (wanted.length === 0) return nowhere;
  const path = parent + step();
  const inside = wanted.filter((i) => {
    const one = scan.paths[i] ?? "";
    const next = one[path.length];
    return one.startsWith(path) && (next === undefined || next === "." || next === "[");
  });
  return inside.length === 0 ? nowhere : { path, wanted: inside };
}

function skipBlank(text: string, from: number): number {
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return at;
    at += 1;
  }
}

const plain = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?|true|false|null/y;
const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** The offset behind a string, number or word, or where it starts when there is none. */
function scalarEnd(text: string, start: number): number {
  if (text[start] !== '"') return matchEnd(plain, text, start);
  for (let at = start + 1; ;) {
    const code = text.charCodeAt(at);
    if (code === 34) return at + 1;
    if (!(code >= 32)) return start; // a control character, or the end of the text
    const next = code === 92 ? matchEnd(escape, text, at) : at + 1;
    if (next === at) return start;
    at = next;
  }
}

function matchEnd(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}
