/** Hands out 64-byte aligned places one behind the other. */
export class Area {
  #bytes = 0;

  /** Bytes handed out so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Returns the offset of a new place. */
  take(bytes: number): number {
    const offset = this.#bytes;
    this.#bytes += Math.ceil(bytes / 64) * 64;
    return offset;
  }
}
