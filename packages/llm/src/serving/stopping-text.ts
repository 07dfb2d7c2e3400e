/** Text that ends before the first stop string, released as soon as no stop string can begin in it. */
import { createTextStream } from "../generation/text-stream.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";

/** A text that grows and may have to end. */
export interface StoppingText {
  /** Whether a stop string came: nothing is released any more. */
  readonly isStopped: boolean;
  /** Adds an id and returns what can be shown now. */
  push(id: number): string;
  /** Returns what was held back. */
  end(): string;
}

/** Creates a text that ends before any of these strings. */
export function createStoppingText(tokenizer: Tokenizer, stops: readonly string[]): StoppingText {
  const stream = createTextStream(tokenizer);
  let held = "";
  let isStopped = false;
  const add = (piece: string): string => {
    if (isStopped) return "";
    held += piece;
    const places = stops.map((stop) => held.indexOf(stop)).filter((place) => place >= 0);
    if (places.length > 0) {
      isStopped = true;
      return release(Math.min(...places));
    }
    return release(held.length - Math.max(0, ...stops.map((stop) => overlap(held, stop))));
  };
  const release = (length: number): string => {
    const piece = held.slice(0, length);
    held = held.slice(length);
    return piece;
  };
  return {
    get isStopped() {
      return isStopped;
    },
    push: (id) => add(stream.push(id)),
    end() {
      const piece = add(stream.end());
      return isStopped ? piece : piece + release(held.length);
    },
  };
}

/** Length of the longest end of a text that begins a stop string. */
function overlap(text: string, stop: string): number {
  for (let length = Math.min(text.length, stop.length - 1); length > 0; length--) {
    if (text.endsWith(stop.slice(0, length))) return length;
  }
  return 0;
}
