import type { Circuit } from "./circuit.ts";
import { sha256 } from "./sha256.ts";

/**
 * Returns a hash of a circuit's structure: SHA-256 of its canonical text, 64 hexadecimal digits. Equal circuits have
 * equal fingerprints in every process and version; the circuit's `name` does not count, nor do absent defaults.
 *
 * Cost: linear in the number of operations.
 */
export function circuitFingerprint(circuit: Circuit): string {
  const { name: _, ...structure } = circuit;
  return sha256(`qtune.circuit/1\n${canonicalText(structure)}`);
}

/** JSON with sorted keys, without undefined, empty optional lists or zero phases; big integers as `"123n"`. */
function canonicalText(value: unknown): string {
  return JSON.stringify(value, (key, item: unknown) => {
    if (typeof item === "bigint") return `${item}n`;
    if (key === "globalPhase" && item === 0) return undefined;
    if (key === "controls" && Array.isArray(item) && item.length === 0) return undefined;
    if (key === "power" && item === 1) return undefined;
    if (typeof item !== "object" || item === null || Array.isArray(item)) return item;
    return Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
