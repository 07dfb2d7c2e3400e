import type { ServiceError } from "@grpc/grpc-js";
import { type ErrorCode, QtuneError, codeTable } from "@qtune/base";
import { describe, expect, test } from "vitest";
import {
  type WireStatus,
  fromFailure,
  fromServiceError,
  toFailure,
  toWireStatus,
} from "./status.ts";

/** What a client of grpc-js is given for a status. */
function received({ code, details, metadata }: WireStatus): ServiceError {
  return Object.assign(new Error(`${code}: ${details}`), { code, details, metadata });
}

const overTheWire = (error: unknown): QtuneError => fromServiceError(received(toWireStatus(error)));

const codes = (Object.keys(codeTable) as ErrorCode[]).filter(
  (code) => code !== "unknown" && code !== "internal",
);

describe.each(codes)("an error %s", (code) => {
  test("keeps code, message, place and details", () => {
    const details = { expected: 4, limits: [1, 2], retryDelayMs: 1500, quota: "circuits of alice" };
    const error = overTheWire(
      new QtuneError(code, "expected 4 but was given 5", { where: "a.b[3]", details }),
    );
    expect(error).toMatchObject({
      code,
      message: "a.b[3]: expected 4 but was given 5",
      where: "a.b[3]",
      details,
    });
  });
});

describe("an error of our own", () => {
  test.each([
    new Error("secret"),
    new QtuneError("internal", "internal: secret"),
    "secret",
    undefined,
  ])("leaves as internal with a correlation id and nothing else (%#)", (thrown) => {
    const error = overTheWire(thrown);
    expect(error.code).toBe("internal");
    expect(error.message).not.toContain("secret");
    expect(error.details["correlationId"]).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe("trailers", () => {
  test("stay small however much there is to say, and still say the first of it", () => {
    const issues = Array.from({ length: 1000 }, (_, i) => ({
      where: `circuit.operations[${i}]`,
      expected: "x".repeat(100),
    }));
    const status = toWireStatus(QtuneError.fromIssues(issues));
    const [details] = status.metadata.get("grpc-status-details-bin");
    expect((details?.length ?? 0) + status.details.length).toBeLessThan(8000);
    const error = fromServiceError(received(status));
    expect(error.issues.length).toBeGreaterThan(3);
    expect(error.issues[0]).toEqual(issues[0]);
  });

  test("survive a message of a megabyte and one that ends inside a character", () => {
    const error = overTheWire(new QtuneError("invalid_argument", "é".repeat(1_000_000)));
    expect(error.message).toMatch(/^é+…$/);
  });

  test("ask for the delay in the metadata that gRPC's own retries read", () => {
    const { metadata } = toWireStatus(
      new QtuneError("unavailable", "later", { details: { retryDelayMs: 12.5 } }),
    );
    expect(metadata.get("grpc-retry-pushback-ms")).toEqual(["13"]);
  });

  test("of a stranger that cannot be read leave code and message", () => {
    const status = toWireStatus(new QtuneError("not_found", "no such thing"));
    status.metadata.set("grpc-status-details-bin", Buffer.from([0xff, 0xff, 0xff]));
    expect(fromServiceError(received(status))).toMatchObject({
      code: "not_found",
      message: "no such thing",
    });
  });
});

test("a failure that is stored keeps code, message and issues", () => {
  const issues = [
    {
      where: "train.lr",
      expected: "above 0",
      given: "-1",
      hint: "try 1e-4",
      line: 3,
      column: 7,
      excerpt: "lr: -1",
    },
  ];
  const error = new QtuneError("invalid_argument", "the configuration is wrong", { issues });
  expect(fromFailure(toFailure(error))).toMatchObject({
    code: "invalid_argument",
    message: "the configuration is wrong",
    issues,
  });
});
