import { describe, expect, test } from "vitest";
import { findJsonPlaces } from "./json-place.ts";

const text = '{ "a": [1, {"b.c": "x\\n]", "d": []}], "e": -1.5e3 }';

function valueAt(path: string, length: number): string {
  const [place] = findJsonPlaces(text, "root", [path]);
  return text.slice(place?.offset, (place?.offset ?? 0) + length);
}

describe("places in JSON", () => {
  test.each([
    ["root", '{ "a"'],
    ["root.a", "[1, {"],
    ["root.a[0]", "1, {"],
    ["root.a[1].b.c", '"x\\n]"'],
    ["root.a[1].d", "[]"],
    ["root.e", "-1.5e3"],
  ])("%s is found", (path, start) => expect(valueAt(path, start.length)).toBe(start));

  test("a value that is missing is placed at the innermost one that is there", () => {
    expect(valueAt("root.a[1].qubits[3]", 5)).toBe('{"b.c');
    expect(valueAt("root.a[17]", 3)).toBe("[1,");
  });

  test("several paths are placed in one pass", () => {
    expect(findJsonPlaces("[[1],[2]]", "r", ["r[1][0]", "r[0]", "r[9]"])).toEqual([
      { offset: 6 },
      { offset: 1 },
      { offset: 0 },
    ]);
  });

  test.each([
    ["", 0, "a value"],
    ["{", 1, "a name in double quotes"],
    ['{"a" 1}', 5, '":"'],
    ['{"a": 1 "b": 2}', 8, '"," or "}"'],
    ["[1, 2", 5, '"," or "]"'],
    ["[1, ]", 4, "a value"],
    ["[01]", 2, '"," or "]"'],
    ['["a\nb"]', 1, "a value"],
    ['["\\x"]', 1, "a value"],
    ["[tru]", 1, "a value"],
    ["[] []", 3, "the end of the text"],
    ["{'a': 1}", 1, "a name in double quotes"],
  ])("%j is no JSON from %i on", (broken, offset, expected) => {
    expect(() => JSON.parse(broken) as unknown).toThrow();
    expect(findJsonPlaces(broken, "r", ["r"])).toEqual([{ offset, expected }]);
  });
});
