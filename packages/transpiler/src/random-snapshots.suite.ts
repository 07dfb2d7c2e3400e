/** Random chips with dead qubits, dead couplers and extreme values. For tests only. */
import type { Random } from "@qtune/base";
import { type ChipModel, createChip, createSnapshot, newestSnapshot } from "@qtune/chip";

/** A value from the middle of a range, or one of its ends. */
function sometimesExtreme(random: Random, low: number, high: number): number {
  const kind = random.nextBelow(4);
  return kind === 0 ? low : kind === 1 ? high : low + (high - low) * random.nextUniform();
}

/** Returns a grid of 2 to 5 rows and columns, each qubit dead with 0 to 40 %, each coupler with 0 to 60 %. */
export function randomChipOf(random: Random): ChipModel {
  const rows = 2 + random.nextBelow(4);
  const cols = 2 + random.nextBelow(4);
  const chip = createChip(`grid-${rows}x${cols}`);
  const deadQubits = 0.4 * random.nextUniform();
  const deadCouplers = 0.6 * random.nextUniform();
  const base = newestSnapshot(chip);
  const time = base.calibratedAt;
  const entry = (value: number) => ({ value, method: "random", time });
  const fidelity = (low: number) => entry(sometimesExtreme(random, low, 1));
  const qubits = base.qubits
    .filter(({ id }) => id === 0 || random.nextUniform() >= deadQubits) // one always works
    .map(({ id }) => {
      const t1Us = sometimesExtreme(random, 0.01, 1e6);
      return {
        id,
        values: {
          frequencyMhz: entry(4000 + 800 * random.nextUniform()),
          t1Us: entry(t1Us),
          t2Us: entry(Math.max(1e-3, 2 * t1Us * random.nextUniform())),
          tEchoUs: entry(Math.max(1e-3, 2 * t1Us * random.nextUniform())),
          singleQubitFidelity: fidelity(0.5),
          readoutF0: fidelity(0),
          readoutF1: fidelity(0),
        },
      };
    });
  const live = new Set(qubits.map(({ id }) => id));
  const couplers = base.couplers
    .filter(({ a, b }) => live.has(a) && live.has(b) && random.nextUniform() >= deadCouplers)
    .map(({ a, b }) => ({ a, b, values: { czFidelity: fidelity(0.25) } }));
  const snapshot = createSnapshot({ ...base, qubits, couplers }, chip.topology);
  return { ...chip, snapshots: [snapshot] };
}
