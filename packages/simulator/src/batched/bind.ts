import type { Precision } from "@qtune/kernels";
import type { Plan, PlannedAngle } from "../plan/plan.ts";
import type { TileProgram } from "./tile-program.ts";

/**
 * Computes what a program needs from the shared values, in float64, rounded once.
 *
 * Shapes: shared [Ps]; result bytes [boundBytes] as an image of the bound area.
 * Effect: pure.
 * Cost:   2^n per diagonal block and generator; nothing per row.
 */
export function bindShared(
  plan: Plan,
  program: TileProgram,
  shared: Float64Array,
  precision: Precision,
): Uint8Array {
  const image = new ArrayBuffer(program.boundBytes);
  const values = precision === "float32" ? new Float32Array(image) : new Float64Array(image);
  const size = precision === "float32" ? 4 : 8;
  const slotValues = plan.slots.map((slot) =>
    slot.shared.reduce(
      (sum, { index, coefficient }) => sum + coefficient * (shared[index] ?? 0),
      slot.constant,
    ),
  );
  const valueOf = (angle: PlannedAngle): number =>
    "slot" in angle ? (slotValues[angle.slot] ?? 0) : angle.value;
  for (const entry of program.bound) {
    const at = entry.offset / size;
    if (entry.kind === "rotation") {
      const half = valueOf(entry.angle) / 2;
      const lanes = 16 / size;
      values.fill(Math.cos(half), at, at + lanes);
      values.fill(Math.sin(half), at + lanes, at + 2 * lanes);
      continue;
    }
    const { fixed, generators } = entry.block;
    const phases = fixed === undefined ? new Float64Array(2 ** plan.n) : fixed.slice();
    for (const { slot, values: generator } of generators) {
      const angle = slotValues[slot] ?? 0;
      for (let x = 0; x < phases.length; x++) phases[x]! -= angle * generator[x]!; // both [2^n]
    }
    for (let x = 0; x < phases.length; x++) {
      values[at + 2 * x] = Math.cos(phases[x]!); // x is inside
      values[at + 2 * x + 1] = Math.sin(phases[x]!);
    }
  }
  const table = program.rowAngles.flatMap(({ slot, factor }) => {
    const rows = plan.slots[slot]?.rows ?? [];
    return [
      factor * (slotValues[slot] ?? 0),
      rows.length,
      ...rows.flatMap(({ index, coefficient }) => [factor * coefficient, index]),
    ];
  });
  new Float64Array(image, program.angleTable, table.length).set(table);
  return new Uint8Array(image);
}
