import { createRandom, type Random } from "@qtune/base";
import { describe, expect, test } from "vitest";
import {
  czMatrix,
  identity,
  kronecker,
  type Matrix,
  multiply,
  phaseDistance,
  rotation,
  swapMatrix,
} from "./matrix.ts";
import { localPairsMatrix, synthesizeTwoQubit } from "./two-qubit-synthesis.ts";
import { canonicalGate, weylDecomposition } from "./weyl.ts";

function randomLocal(random: Random): Matrix {
  const angle = () => 2 * Math.PI * random.nextUniform();
  return multiply(rotation("Z", angle()), multiply(rotation("Y", angle()), rotation("Z", angle())));
}

function randomUnitary(random: Random, interactions: number): Matrix {
  let u = identity(4);
  for (let k = 0; k < interactions; k++) {
    u = multiply(czMatrix, multiply(kronecker(randomLocal(random), randomLocal(random)), u));
  }
  return multiply(kronecker(randomLocal(random), randomLocal(random)), u);
}

describe("weylDecomposition", () => {
  test("rebuilds any unitary and keeps its coordinates in the chamber", () => {
    const random = createRandom(1);
    for (let k = 0; k < 300; k++) {
      const u = randomUnitary(random, k % 7);
      const weyl = weylDecomposition(u);
      const [a, b, c] = weyl.coordinates;
      const rebuilt = multiply(
        kronecker(weyl.leftHigh, weyl.leftLow),
        multiply(canonicalGate(a, b, c), kronecker(weyl.rightHigh, weyl.rightLow)),
      );
      expect(phaseDistance(u, rebuilt), `unitary ${k}`).toBeLessThan(1e-13);
      expect(a).toBeLessThanOrEqual(Math.PI / 4 + 1e-12);
      expect(a).toBeGreaterThanOrEqual(b - 1e-12);
      expect(b).toBeGreaterThanOrEqual(Math.abs(c) - 1e-12);
    }
  });
});

describe("synthesizeTwoQubit", () => {
  test.each([
    { what: "a product", u: randomUnitary(createRandom(2), 0), cz: 0 },
    { what: "CZ", u: czMatrix, cz: 1 },
    { what: "CZ between local gates", u: randomUnitary(createRandom(3), 1), cz: 1 },
    { what: "a ZZ rotation", u: canonicalGate(0, 0, 0.3), cz: 2 },
    { what: "iSWAP", u: canonicalGate(Math.PI / 4, Math.PI / 4, 0), cz: 2 },
    { what: "two CZ between local gates", u: randomUnitary(createRandom(4), 2), cz: 2 },
    { what: "SWAP", u: swapMatrix, cz: 3 },
    {
      what: "the square root of SWAP",
      u: canonicalGate(Math.PI / 8, Math.PI / 8, Math.PI / 8),
      cz: 3,
    },
    { what: "a general unitary", u: randomUnitary(createRandom(5), 5), cz: 3 },
  ])("takes $cz CZ for $what", ({ u, cz }) => {
    const pairs = synthesizeTwoQubit(u);
    expect(pairs.length - 1).toBe(cz);
    expect(phaseDistance(u, localPairsMatrix(pairs))).toBeLessThan(1e-9);
  });

  test("is exact for random unitaries of every class, degenerate ones included", () => {
    const random = createRandom(6);
    for (let k = 0; k < 300; k++) {
      const corner = () => (random.nextBelow(9) * Math.PI) / 8;
      const u =
        k % 2 === 0
          ? randomUnitary(random, k % 6)
          : multiply(randomUnitary(random, 0), canonicalGate(corner(), corner(), corner()));
      expect(
        phaseDistance(u, localPairsMatrix(synthesizeTwoQubit(u))),
        `unitary ${k}`,
      ).toBeLessThan(1e-9);
    }
  });
});
