import { expect, test } from "vitest";
import {
  commonMembers,
  countCommon,
  countOutside,
  createQubitSet,
  regionKey,
} from "./qubit-set.ts";

test("a key tells sets of any sizes apart, as number or as text", () => {
  const size = 72;
  const sets = [[], [0], [5], [0, 5], [0, 1, 5], [1, 5], [71], [70, 71]];
  const names = new Map(sets.map((set) => [set.join(","), regionKey(set, size)]));
  expect(new Set(names.values()).size).toBe(names.size);
  const long = Array.from({ length: 12 }, (_, i) => 5 * i);
  expect(regionKey(long, size)).toBe(long.join(","));
});

test("sets are counted and listed across words", () => {
  const a = createQubitSet(100, [0, 31, 32, 64, 99]);
  const b = createQubitSet(100, [31, 64, 98]);
  expect(commonMembers(a, b)).toEqual([31, 64]);
  expect(countCommon(a, b)).toBe(2);
  expect(countOutside(a, b)).toBe(3);
});
