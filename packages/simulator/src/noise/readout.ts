import type { Random } from "@qtune/base";
import type { NoisyProgram, NoisyReadout } from "@qtune/chip";

/**
 * Returns the distribution over classical bits that readout makes of populations.
 *
 * Shapes: populations [2^n]; result [2^m] over the m measured bits in the order of `measured`.
 */
export function confuseReadout(
  populations: ArrayLike<number>,
  readout: NoisyReadout,
): Float64Array {
  let current = new Float64Array(2 ** readout.measured.length);
  for (let index = 0; index < populations.length; index++) {
    current[measuredBits(index, readout)]! += populations[index]!; // inside
  }
  for (const [bit, { p10, p01 }] of readout.flips.entries()) {
    const next = new Float64Array(current.length);
    for (const [index, value] of current.entries()) {
      const flip = ((index >>> bit) & 1) === 0 ? p10 : p01;
      next[index]! += (1 - flip) * value; // inside
      next[index ^ (1 << bit)]! += flip * value;
    }
    current = next;
  }
  for (const { first, second, probability } of readout.correlatedFlips) {
    const mask = (1 << first) | (1 << second);
    current = current.map(
      (value, index) => (1 - probability) * value + probability * current[index ^ mask]!,
    );
  }
  return current;
}

/** The measured bits of a basis state, in the order of `measured`. */
export function measuredBits(index: number, readout: NoisyReadout): number {
  let bits = 0;
  for (const [bit, { qubit }] of readout.measured.entries()) bits |= ((index >>> qubit) & 1) << bit;
  return bits;
}

/** Draws what readout makes of measured bits in one shot. Effect: advances `random`. */
export function flipReadout(bits: number, readout: NoisyReadout, random: Random): number {
  let read = bits;
  for (const [bit, { p10, p01 }] of readout.flips.entries()) {
    const flip = ((bits >>> bit) & 1) === 0 ? p10 : p01;
    if (flip > 0 && random.nextUniform() < flip) read ^= 1 << bit;
  }
  for (const { first, second, probability } of readout.correlatedFlips) {
    if (random.nextUniform() < probability) read ^= (1 << first) | (1 << second);
  }
  return read;
}

/** Returns measured bits as the text c[clbits − 1] … c[0]. */
export function outcomeText(
  bits: number,
  program: Pick<NoisyProgram, "readout" | "clbits">,
): string {
  const text = new Array<string>(program.clbits).fill("0");
  for (const [bit, { clbit }] of program.readout.measured.entries()) {
    if (((bits >>> bit) & 1) === 1) text[program.clbits - 1 - clbit] = "1";
  }
  return text.join("");
}

/**
 * The same as {@link flipReadout} for any number of measured bits, one byte each.
 *
 * Effect: changes `bits` in place; advances `random`.
 */
export function flipReadoutInPlace(bits: Uint8Array, readout: NoisyReadout, random: Random): void {
  for (const [bit, { p10, p01 }] of readout.flips.entries()) {
    const flip = bits[bit] === 0 ? p10 : p01;
    if (flip > 0 && random.nextUniform() < flip) bits[bit]! ^= 1; // as many bits as flips
  }
  for (const { first, second, probability } of readout.correlatedFlips) {
    if (random.nextUniform() >= probability) continue;
    bits[first]! ^= 1; // indices of measured bits
    bits[second]! ^= 1;
  }
}

/** The same as {@link outcomeText} for measured bits as bytes. */
export function bytesText(
  bits: Uint8Array,
  program: Pick<NoisyProgram, "readout" | "clbits">,
): string {
  const text = new Array<string>(program.clbits).fill("0");
  for (const [bit, { clbit }] of program.readout.measured.entries())
    if (bits[bit] === 1) text[program.clbits - 1 - clbit] = "1";
  return text.join("");
}
