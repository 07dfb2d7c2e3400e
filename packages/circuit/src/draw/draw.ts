import type { Circuit } from "../circuit.ts";
import { drawSvg } from "./svg.ts";
import { drawText } from "./text.ts";

/** How {@link drawCircuit} draws. */
export interface DrawOptions {
  /** Default `unicode`. */
  readonly format?: "unicode" | "ascii" | "svg" | undefined;
  /** Characters or pixels of the page; longer circuits are folded, 0 never. Default 100 characters, 1000 pixels. */
  readonly width?: number | undefined;
}

/**
 * Returns a drawing of a circuit: text for a terminal, or SVG.
 *
 * Cost: size of the drawing.
 *
 * @example
 * drawCircuit(circuitBuilder(2).h(0).cx(0, 1).build());
 */
export function drawCircuit(circuit: Circuit, options: DrawOptions = {}): string {
  const { format = "unicode", width } = options;
  return format === "svg"
    ? drawSvg(circuit, { width })
    : drawText(circuit, { charset: format, width });
}
