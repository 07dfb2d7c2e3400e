/**
 * Gate times of chips of other vendors. Circuits are scheduled with one length per kind of instruction; files give one per
 * gate, or none. The median stands for all, and whatever it hides is said.
 */
import type { ChipTiming } from "../chip-model.ts";
import { wukongTiming } from "../presets/presets.ts";
import type { ReadLog } from "./json-reader.ts";

/** Lengths that a file names, ns. */
export interface PublishedLengths {
  readonly pulseNs: readonly number[];
  readonly czNs: readonly number[];
  readonly measureNs: readonly number[];
}

const kinds = [
  ["pulseNs", "pulses"],
  ["czNs", "CZ"],
  ["measureNs", "readout"],
] as const;

/**
 * Returns one length per kind of instruction: the median of what is published.
 *
 * Effect: warns where lengths differ, and where none is published, so that those of Wukong stand in.
 */
export function typicalTimes(lengths: PublishedLengths, log: ReadLog): Partial<ChipTiming> {
  const timing: { -readonly [K in keyof PublishedLengths]?: number } = {};
  for (const [kind, name] of kinds) {
    const sorted = lengths[kind].toSorted((a, b) => a - b);
    const [least] = sorted;
    const most = sorted.at(-1);
    const median = sorted[sorted.length >> 1];
    if (least === undefined || most === undefined || median === undefined) {
      log.warnings.push({
        where: `times: ${name}`,
        expected: "ns",
        given: "nothing",
        hint: `that of Wukong stands in: ${wukongTiming[kind]} ns`,
      });
      continue;
    }
    timing[kind] = median;
    if (most - least < 0.5) continue;
    log.warnings.push({
      where: `times: ${name}`,
      expected: "one length",
      given: `${Math.round(least)} to ${Math.round(most)} ns`,
      hint: `${Math.round(least)} to ${Math.round(most)} ns; schedules use the median, ${Math.round(median)} ns`,
    });
  }
  return timing;
}

/** Names at most eight of many things. */
export function nameSome(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(", ");
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown;
}
