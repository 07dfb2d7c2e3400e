import { describe, expect, test } from "vitest";
import { createRandom, philox4x32InPlace, shuffleInPlace } from "./random.ts";

function block(counter: number[], key: number[]): string[] {
  const out = new Uint32Array(4);
  philox4x32InPlace(Uint32Array.from(counter), Uint32Array.from(key), out);
  return [...out].map((word) => word.toString(16).padStart(8, "0"));
}

describe("philox4x32InPlace", () => {
  // Known answers: Random123 1.14, kat_vectors, philox4x32 10.
  test("gives the published answer for zero counter and key", () => {
    expect(block([0, 0, 0, 0], [0, 0])).toEqual(["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]);
  });
  test("gives the published answer for all ones", () => {
    const ones = 0xffffffff;
    expect(block([ones, ones, ones, ones], [ones, ones])).toEqual([
      "408f276d",
      "41c83b0e",
      "a20bc7c6",
      "6d5451fd",
    ]);
  });
  test("gives the published answer for the digits of pi", () => {
    const counter = [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344];
    expect(block(counter, [0xa4093822, 0x299f31d0])).toEqual([
      "d16cfe09",
      "94fdcceb",
      "5001e420",
      "24126ea1",
    ]);
  });
});

describe("createRandom", () => {
  test("gives the same stream for the same seed and labels", () => {
    expect(createRandom(7, "a").nextUint32()).toBe(createRandom(7, "a").nextUint32());
  });
  test("tells strings from numbers and seeds from labels", () => {
    const firsts = [createRandom(7), createRandom("7"), createRandom(7, 0), createRandom(7, "0")];
    expect(new Set(firsts.map((random) => random.key)).size).toBe(4);
  });
  test("keeps the streams of names of every kind for good: stored results are made again from them", () => {
    const keys = [
      createRandom(7),
      createRandom(7n, "chip task", 12, -1),
      createRandom("ü€😀", 0.5, 1n << 80n),
      createRandom(1, "a").fork("b", ""),
    ].map((random) => random.key);
    expect(keys).toEqual([
      "67b745d88568ba12",
      "1fdc656b5ce5c2c1",
      "160ab919792bb255",
      "39866d2fe16da244",
    ]);
  });
  test("forks independently of what was read", () => {
    const fresh = createRandom(1);
    const used = createRandom(1);
    for (let i = 0; i < 5; i++) used.nextUniform();
    expect(used.fork("x", 3).nextUint32()).toBe(fresh.fork("x", 3).nextUint32());
  });
  test("draws uniform numbers with mean 1/2 within five standard errors", () => {
    const random = createRandom(11);
    const S = 20_000;
    let sum = 0;
    for (let i = 0; i < S; i++) sum += random.nextUniform();
    expect(Math.abs(sum / S - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / S));
  });
  test("draws normal numbers with variance 1 within five standard errors", () => {
    const random = createRandom(12);
    const S = 20_000;
    let sumOfSquares = 0;
    for (let i = 0; i < S; i++) sumOfSquares += random.nextNormal() ** 2;
    expect(Math.abs(sumOfSquares / S - 1)).toBeLessThan(5 * Math.sqrt(2 / S));
  });
  test("counts the words it has read", () => {
    const random = createRandom(3);
    for (let i = 0; i < 5; i++) random.nextUint32();
    expect(random.position).toBe(5n);
  });
  test("shuffles without losing an item", () => {
    const items = shuffleInPlace([1, 2, 3, 4, 5, 6, 7, 8], createRandom(5));
    expect([...items].sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(items).not.toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });
});
