/** The memory as a reference kernel sees it: the same bytes under every type that it needs. */
export interface ReferenceMemory {
  /** Amplitudes and coefficients. */
  readonly values: Float32Array | Float64Array;
  readonly float64: Float64Array;
  readonly uint32: Uint32Array;
  readonly int32: Int32Array;
  /** Bytes of one element of `values`: 4 or 8. */
  readonly size: 4 | 8;
}

/** Creates the views of a buffer. */
export function viewMemory(buffer: ArrayBufferLike, size: 4 | 8): ReferenceMemory {
  return {
    values: size === 4 ? new Float32Array(buffer) : new Float64Array(buffer),
    float64: new Float64Array(buffer),
    uint32: new Uint32Array(buffer),
    int32: new Int32Array(buffer),
    size,
  };
}

/** Index in `values` of coefficient `entry` for a row: one vector per coefficient when shared, a row of W otherwise. */
export function coefficientIndex(
  memory: ReferenceMemory,
  table: { readonly pointer: number; readonly step: number; readonly rowBytes: number },
  entry: number,
  row: number,
): number {
  const entryBytes = table.step === 0 ? 16 : table.rowBytes;
  return (table.pointer + entry * entryBytes) / memory.size + (table.step === 0 ? 0 : row);
}
