/**
 * How fast each GGUF type becomes float32, beside writing the same float32 bytes: the limit that no decoder passes.
 * Run: npx -y pnpm@12 bench weights/bench/dequantise
 */
import { type GgufType, ggufTypes } from "../src/index.ts";

const elements = 4 * 2 ** 20;
const source = new Float32Array(elements).fill(1);

/** Best of some runs, in seconds. */
function best(run: () => void): number {
  let shortest = Infinity;
  for (let i = 0; i < 7; i++) {
    const start = performance.now();
    run();
    shortest = Math.min(shortest, performance.now() - start);
  }
  return shortest / 1000;
}

const target = new Float32Array(elements);
const limit = best(() => target.set(source));
process.stdout.write(`copy of float32: ${(elements / limit / 1e6).toFixed(0)} M elements/s\n`);
for (const name of Object.keys(ggufTypes) as GgufType[]) {
  if (name === "F32") continue; // a view, nothing is decoded
  const { blockSize, blockBytes, toFloat32 } = ggufTypes[name];
  const bytes = new Uint8Array((elements / blockSize) * blockBytes);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.imul(i, 2654435761) >>> 24;
  const seconds = best(() => void toFloat32(bytes));
  const rate = `${(elements / seconds / 1e6).toFixed(0).padStart(5)} M elements/s`;
  process.stdout.write(`${name.padEnd(8)} ${rate}  ${(limit / seconds).toFixed(3)} of the limit\n`);
}
