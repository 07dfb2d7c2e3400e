import { describe, expect, test } from "vitest";
import { newestSnapshot } from "../chip-model.ts";
import { createChip, listChips } from "./presets.ts";

describe("wukong-72", () => {
  const snapshot = newestSnapshot(createChip("wukong-72"));

  test("has 63 of 72 qubits, 94 % of the couplers between them, and says that it is synthetic", () => {
    expect(snapshot.kind).toBe("synthetic");
    expect(snapshot.source).toMatch(/^synthetic, seed 1/);
    const live = new Set(snapshot.qubits.map(({ id }) => id));
    expect(live.size).toBe(63);
    const between = createChip("wukong-72").topology.couplers.filter(
      ({ a, b }) => live.has(a) && live.has(b),
    );
    expect(snapshot.couplers).toHaveLength(Math.round(0.94 * between.length));
  });

  test("keeps the id that results of this version name", () => {
    expect(snapshot.id).toBe("cal-e9685e0327a16271");
  });

  test("is the same for the same seed and another for another", () => {
    expect(newestSnapshot(createChip("wukong-72", { seed: 1 })).id).toBe(snapshot.id);
    expect(newestSnapshot(createChip("wukong-72", { seed: 2 })).id).not.toBe(snapshot.id);
  });

  test("keeps its values when only the yield changes", () => {
    const half = newestSnapshot(createChip("wukong-72", { couplerYield: 0.5 }));
    expect(half.qubits).toEqual(snapshot.qubits);
    for (const coupler of half.couplers) expect(snapshot.couplers).toContainEqual(coupler);
  });

  test("has the published medians and correlations over many seeds", () => {
    const logs: { e1: number; echo: number; t1: number }[] = [];
    for (let seed = 0; seed < 40; seed++) {
      for (const { values } of newestSnapshot(createChip("wukong-72", { seed })).qubits) {
        logs.push({
          e1: Math.log(1 - (values.singleQubitFidelity?.value ?? 0)),
          echo: Math.log(values.tEchoUs?.value ?? 0),
          t1: Math.log(values.t1Us?.value ?? 0),
        });
      }
    }
    const middle = (key: "e1" | "echo" | "t1"): number =>
      logs.map((row) => row[key]).sort((a, b) => a - b)[logs.length >> 1] ?? 0;
    // 2,520 draws: the median of a normal has standard error 1.25 s / √2520 = 0.025 s, so 5σ is
    // 0.07 for s = 0.59
    expect(Math.exp(middle("t1"))).toBeCloseTo(18.4, 0);
    expect(middle("e1")).toBeCloseTo(Math.log(0.0021), 1);
    // 5σ of a correlation near −0.53 over 2,520 draws is 0.07
    const echo = correlation(
      logs.map(({ e1 }) => e1),
      logs.map((row) => row.echo),
    );
    expect(Math.abs(echo + 0.53)).toBeLessThan(0.07);
  });
});

function correlation(x: readonly number[], y: readonly number[]): number {
  const mean = (values: readonly number[]): number =>
    values.reduce((a, b) => a + b, 0) / values.length;
  const [mx, my] = [mean(x), mean(y)];
  let [xy, xx, yy] = [0, 0, 0];
  for (const [index, value] of x.entries()) {
    const [dx, dy] = [value - mx, (y[index] ?? 0) - my];
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  }
  return xy / Math.sqrt(xx * yy);
}

test("the lattice like WK_C180 has 180 qubits, joined by 9 or 10", () => {
  const { topology } = createChip("wukong-180");
  expect(topology.qubits).toBe(180);
  expect(new Set(topology.couplers.map(({ a, b }) => b - a))).toEqual(new Set([9, 10]));
  expect(newestSnapshot(createChip("wukong-180")).qubits).toHaveLength(169);
});

test("a generic grid has every qubit and coupler", () => {
  const snapshot = newestSnapshot(createChip("grid-4x5"));
  expect([snapshot.qubits.length, snapshot.couplers.length]).toEqual([20, 31]);
});

test("every listed name can be created, with and without noise", () => {
  for (const name of listChips().map((row) => row.name.replace("RxC", "3x3"))) {
    expect(newestSnapshot(createChip(name)).qubits.length).toBeGreaterThan(0);
    if (name !== "ideal") expect(newestSnapshot(createChip(`${name}-ideal`)).kind).toBe("ideal");
  }
});

test("a misspelt name gets the closest one, bad options their range", () => {
  expect(() => createChip("wukong72")).toThrow(/did you mean wukong-72/);
  expect(() => createChip("wukong-72", { couplerYield: 2 })).toThrow(/yield from 0 to 1/);
  expect(() => createChip("wukong-72", { deadQubits: 72 })).toThrow(/0 to 71 dead qubits/);
});
