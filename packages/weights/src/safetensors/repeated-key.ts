/**
 * Finds a key that comes twice in an object of a JSON text. JSON.parse takes the last one and says nothing, other readers take
 * the first: the same file would hold different tensors for different programs.
 */

/**
 * Returns the first key that an object of the text holds twice, or nothing.
 *
 * Range: text is JSON, as JSON.parse has accepted it.
 * Cost:  one pass over the text; memory of the keys.
 */
export function findRepeatedKey(text: string): string | undefined {
  const open: Set<string>[] = [];
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "{") open.push(new Set());
    else if (character === "}") open.pop();
    if (character !== '"') continue;
    const end = endOfString(text, at);
    const literal = text.slice(at, end + 1);
    at = end;
    if (!isKey(text, end + 1)) continue;
    const key = literal.includes("\\") ? String(JSON.parse(literal)) : literal.slice(1, -1);
    const keys = open.at(-1);
    if (keys?.has(key) === true) return key;
    keys?.add(key);
  }
  return undefined;
}

/** Returns the place of the quotation mark that ends the string at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
}

/** Tells whether a colon is next. */
function isKey(text: string, after: number): boolean {
  let at = after;
  while (text[at] === " " || text[at] === "\n" || text[at] === "\r" || text[at] === "\t") at++;
  return text[at] === ":";
}
