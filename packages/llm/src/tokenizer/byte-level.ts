/**
 * The byte alphabet of byte-level BPE (GPT-2): each byte is written as one printable character. Printable Latin-1 bytes
 * stand for themselves, the other 68 take the characters from U+0100 on.
 */

function isPrintable(byte: number): boolean {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

const byteOf = new Map<string, number>();
for (let byte = 0, next = 0x100; byte < 256; byte++) {
  byteOf.set(String.fromCharCode(isPrintable(byte) ? byte : next++), byte);
}

/** Returns the bytes of a token in byte-level spelling, or nothing when it holds a character outside the alphabet. */
export function byteLevelBytes(token: string): Uint8Array | undefined {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = byteOf.get(token[i] ?? "");
    if (byte === undefined) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}
