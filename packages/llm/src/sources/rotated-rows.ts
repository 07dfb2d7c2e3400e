/**
 * The order of query and key rows. Hugging Face rotates halves of a head (rows j and j + headDim/2 together), llama files
 * in GGUF rotate neighbours (rows 2j and 2j + 1): within each head, row s·headDim/2 + j there is row 2j + s here.
 */
import type { ReadOptions, TensorSource } from "@qtune/weights";

/** Returns for each Hugging Face row the row of the GGUF file. Shapes: [rows]. */
export function ggufRowOf(rows: number, heads: number): Int32Array {
  const headDim = rows / heads;
  const half = headDim / 2;
  return Int32Array.from({ length: rows }, (_, row) => {
    const inHead = row % headDim;
    return row - inHead + 2 * (inHead % half) + Math.floor(inHead / half);
  });
}

/** Copies rows: row i of the result is row `order[i]` of `bytes`. Shapes: order [rows]; bytes [rows · rowBytes]. */
export function takeRows(bytes: Uint8Array, order: Int32Array): Uint8Array<ArrayBuffer> {
  const rowBytes = bytes.byteLength / order.length;
  const out = new Uint8Array(bytes.byteLength);
  for (const [to, from] of order.entries()) {
    out.set(bytes.subarray(from * rowBytes, (from + 1) * rowBytes), to * rowBytes);
  }
  return out;
}

/** Returns the inverse of an order of rows. */
export function invertOrder(order: Int32Array): Int32Array {
  const inverse = new Int32Array(order.length);
  for (const [to, from] of order.entries()) inverse[from] = to;
  return inverse;
}

/**
 * Presents a tensor with its rows in another order. Rows are whole numbers of quantisation blocks, so the stored bytes
 * move as they are.
 *
 * Cost: reading a part reads all of it.
 */
export function reorderRows(source: TensorSource, name: string, order: Int32Array): TensorSource {
  const { dtype, shape } = source;
  const readFloat32 = async (options: ReadOptions = {}): Promise<Float32Array> => {
    const whole = await source.readFloat32({ signal: options.signal });
    const moved = takeRows(new Uint8Array(whole.buffer, whole.byteOffset, whole.byteLength), order);
    const { start, end } = options.elements ?? {};
    return new Float32Array(moved.buffer).slice(start, end);
  };
  const readBytes = async (options: ReadOptions = {}): Promise<Uint8Array> => {
    const moved = takeRows(await source.readBytes({ signal: options.signal }), order);
    const elements = shape.reduce((product, size) => product * size, 1);
    const { start = 0, end = elements } = options.elements ?? {};
    const byteOf = (element: number): number => (element / elements) * moved.byteLength;
    return moved.slice(byteOf(start), byteOf(end));
  };
  return { name, dtype, shape, range: undefined, readBytes, readFloat32 };
}
