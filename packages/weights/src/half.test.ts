import { describe, expect, test } from "vitest";
import {
  bfloat16ToFloat32,
  float32ToBfloat16,
  float32ToHalf,
  fromHalf,
  halfToFloat32,
} from "./half.ts";

const everyHalf = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);

describe("half precision", () => {
  test("agrees with the processor's own conversion for every bit pattern", () => {
    const view = new DataView(everyHalf.buffer.slice(0));
    const native = Float32Array.from(everyHalf, (_, i) => view.getFloat16(2 * i, true));
    expect(halfToFloat32(everyHalf)).toEqual(native);
  });

  test("rounds to nearest even, as the processor does, around every half and its neighbours", () => {
    const values: number[] = [];
    for (let bits = 0; bits < 0x7c00; bits++) {
      const low = fromHalf(bits);
      const high = bits === 0x7bff ? 65_536 : fromHalf(bits + 1);
      const middle = (low + high) / 2;
      values.push(low, middle, middle * (1 - 2 ** -23), middle * (1 + 2 ** -23), -middle);
    }
    values.push(65_519.99, 65_520, 1e9, Infinity, -Infinity, 0, -0, 2 ** -25, 2 ** -26, NaN);
    const input = Float32Array.from(values);
    const view = new DataView(new ArrayBuffer(2));
    const native = Uint16Array.from(input, (value) => {
      view.setFloat16(0, value, true);
      return view.getUint16(0, true);
    });
    expect(float32ToHalf(input)).toEqual(native);
  });
});

describe("bfloat16", () => {
  test("keeps every bfloat16 number through float32", () => {
    expect(float32ToBfloat16(bfloat16ToFloat32(everyHalf)).length).toBe(65_536);
    const finite = everyHalf.filter((bits) => (bits & 0x7f80) !== 0x7f80);
    expect(float32ToBfloat16(bfloat16ToFloat32(finite))).toEqual(finite);
  });

  test("rounds ties to even and keeps NaN", () => {
    const values = new Float32Array(
      new Uint32Array([0x3f808000, 0x3f818000, 0x3f808001, 0x7f800001]).buffer,
    );
    expect([...float32ToBfloat16(values)]).toEqual([0x3f80, 0x3f82, 0x3f81, 0x7fc0]);
  });
});
