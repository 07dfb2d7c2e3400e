import { describe, expect, test } from "vitest";
import { parseTarget } from "./target.ts";

describe("a target", () => {
  test.each([
    ["127.0.0.1:7272", { address: "127.0.0.1:7272", secure: false }],
    ["localhost", { address: "localhost:7272", secure: false }],
    [
      "grpc://host:1/devices/wukong-72",
      { address: "host:1", secure: false, resource: "devices/wukong-72" },
    ],
    [
      "grpcs://host.example/simulator",
      { address: "host.example:7272", secure: true, resource: "simulator" },
    ],
    ["[::1]:99/", { address: "[::1]:99", secure: false }],
  ])("%s is read", (text, target) => {
    expect(parseTarget(text)).toEqual(target);
  });

  test.each(["", "http://host", "host:port", "host:70000", "grpc://", "a b:1"])(
    "%j is refused",
    (text) => {
      expect(() => parseTarget(text)).toThrowError(
        expect.objectContaining({ code: "invalid_argument", where: "target" }),
      );
    },
  );
});
