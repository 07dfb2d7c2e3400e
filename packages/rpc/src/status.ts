/**
 * Errors on the wire: the only place that maps QtuneError to gRPC status and back. A status carries a google.rpc.Status
 * in the trailer `grpc-status-details-bin` (gRFC A6): always ErrorInfo, then the details that apply, each type once.
 * Cause and stack stay in the log of the process that threw; an error without a code leaves as `internal` with a
 * correlation id.
 */
import { randomUUID } from "node:crypto";
import { Metadata, type ServiceError } from "@grpc/grpc-js";
import { type Issue, QtuneError, codeFromGrpc, codeTable } from "@qtune/base";
import { circuitV1, googleRpc } from "@qtune/contracts";
import { durationFromMs, durationToMs } from "./time.ts";

/** What grpc-js sends when a call fails. */
export interface WireStatus {
  readonly code: number;
  readonly details: string;
  readonly metadata: Metadata;
}

/** Where ErrorInfo says that our errors come from. */
export const errorDomain = "qtune";

const detailsKey = "grpc-status-details-bin";
/** HTTP/2 peers accept about 8 KiB of trailers; the message travels beside the details, so both are kept short. */
const maxDetailsBytes = 4096;
const maxMessageBytes = 2048;
const typePrefix = "type.googleapis.com/";

/** Details with a meaning of their own on the wire; every other detail travels in ErrorInfo. */
const namedDetails = new Set(["retryDelayMs", "quota", "resourceType", "resourceName"]);

/** Returns the status that stands for an error. Effect: pure but for the correlation id of errors without a code. */
export function toWireStatus(error: unknown): WireStatus {
  const known = hideUnknown(error);
  const metadata = new Metadata();
  const status = googleRpc.Status.fromPartial({
    code: codeTable[known.code].grpc,
    message: truncate(known.message, maxMessageBytes),
    details: detailsWithinLimit(known),
  });
  metadata.set(detailsKey, Buffer.from(googleRpc.Status.encode(status).finish()));
  const retryDelayMs = known.details["retryDelayMs"];
  if (typeof retryDelayMs === "number")
    metadata.set("grpc-retry-pushback-ms", String(Math.ceil(retryDelayMs)));
  return { code: status.code, details: status.message, metadata };
}

/** Returns the error that a failed call of grpc-js stands for, details included. */
export function fromServiceError(error: ServiceError): QtuneError {
  const code = codeFromGrpc(error.code);
  const [bytes] = error.metadata?.get(detailsKey) ?? [];
  const fallback = new QtuneError(code, error.details || error.message, { cause: error });
  if (!Buffer.isBuffer(bytes)) return fallback;
  try {
    return fromStatus(googleRpc.Status.decode(bytes), error);
  } catch {
    return fallback; // a peer with malformed details still has a code and a message
  }
}

/** Returns the wire form of an error that is stored with a resource. */
export function toFailure(error: unknown): circuitV1.Failure {
  const known = hideUnknown(error);
  return {
    code: known.code,
    message: truncate(known.message, maxMessageBytes),
    problems: known.issues.slice(0, 100).map(toFieldProblem),
  };
}

/** Returns the error that a stored failure stands for. */
export function fromFailure(failure: circuitV1.Failure): QtuneError {
  const code = Object.hasOwn(codeTable, failure.code)
    ? (failure.code as keyof typeof codeTable)
    : "unknown"; // just checked
  return new QtuneError(code, failure.message, { issues: failure.problems.map(fromFieldProblem) });
}

/** Returns the error as it may leave this process: one without a code says nothing but a correlation id. */
export function hideUnknown(error: unknown): QtuneError {
  const known = QtuneError.from(error);
  if (known.code !== "unknown" && known.code !== "internal") return known;
  const correlationId = randomUUID();
  return new QtuneError(
    "internal",
    `internal: the service met an error of its own; its log has it under ${correlationId}`,
    {
      details: { correlationId },
      cause: error,
    },
  );
}

function detailsWithinLimit(error: QtuneError): Detail[] {
  let issues = error.issues;
  for (;;) {
    const details = wireDetails(error, issues);
    const size = details.reduce((sum, detail) => sum + detail.value.length, 0);
    if (size <= maxDetailsBytes || issues.length === 0)
      return size <= maxDetailsBytes ? details : details.slice(0, 1);
    issues = issues.slice(0, Math.floor(issues.length / 2));
  }
}

interface Detail {
  readonly typeUrl: string;
  readonly value: Buffer;
}

function wireDetails(error: QtuneError, issues: readonly Issue[]): Detail[] {
  const details = [
    pack("google.rpc.ErrorInfo", googleRpc.ErrorInfo, {
      reason: error.code.toUpperCase(),
      domain: errorDomain,
      metadata: errorInfoMetadata(error),
    }),
  ];
  if (issues.length > 0) {
    const fieldViolations = issues.map((issue) =>
      googleRpc.BadRequest_FieldViolation.fromPartial(toFieldViolation(issue)),
    );
    details.push(pack("google.rpc.BadRequest", googleRpc.BadRequest, { fieldViolations }));
    const failure = { code: error.code, message: "", problems: issues.map(toFieldProblem) };
    details.push(pack("qtune.circuit.v1.Failure", circuitV1.Failure, failure));
  }
  const { retryDelayMs, quota, resourceType, resourceName } = error.details;
  if (typeof retryDelayMs === "number") {
    details.push(
      pack("google.rpc.RetryInfo", googleRpc.RetryInfo, {
        retryDelay: durationFromMs(retryDelayMs),
      }),
    );
  }
  if (typeof quota === "string") {
    const violation = googleRpc.QuotaFailure_Violation.fromPartial({
      subject: quota,
      description: error.message,
    });
    details.push(
      pack("google.rpc.QuotaFailure", googleRpc.QuotaFailure, { violations: [violation] }),
    );
  }
  if (typeof resourceName === "string") {
    const info = googleRpc.ResourceInfo.fromPartial({
      resourceType: String(resourceType ?? ""),
      resourceName,
    });
    details.push(pack("google.rpc.ResourceInfo", googleRpc.ResourceInfo, info));
  }
  return details;
}

function errorInfoMetadata(error: QtuneError): Map<string, string> {
  const metadata = new Map<string, string>();
  if (error.where !== undefined) metadata.set("where", truncate(error.where, 256));
  for (const [key, value] of Object.entries(error.details)) {
    if (!namedDetails.has(key)) metadata.set(key, truncate(toJson(value), 512));
  }
  return metadata;
}

interface Codec<T> {
  encode(message: T): { finish(): Uint8Array };
}

function pack<T>(name: string, codec: Codec<T>, message: T): Detail {
  return { typeUrl: typePrefix + name, value: Buffer.from(codec.encode(message).finish()) };
}

function fromStatus(status: googleRpc.Status, cause: unknown): QtuneError {
  const details: Record<string, unknown> = {};
  let issues: Issue[] = [];
  let violations: Issue[] = [];
  let where: string | undefined;
  for (const detail of status.details) {
    switch (detail.typeUrl.slice(typePrefix.length)) {
      case "google.rpc.ErrorInfo":
        for (const [key, value] of googleRpc.ErrorInfo.decode(detail.value).metadata) {
          if (key === "where") where = value;
          else details[key] = fromJson(value);
        }
        break;
      case "google.rpc.BadRequest":
        violations = googleRpc.BadRequest.decode(detail.value).fieldViolations.map(
          fromFieldViolation,
        );
        break;
      case "qtune.circuit.v1.Failure":
        issues = circuitV1.Failure.decode(detail.value).problems.map(fromFieldProblem);
        break;
      case "google.rpc.RetryInfo":
        details["retryDelayMs"] = durationToMs(googleRpc.RetryInfo.decode(detail.value).retryDelay);
        break;
      case "google.rpc.QuotaFailure":
        details["quota"] = googleRpc.QuotaFailure.decode(detail.value).violations[0]?.subject;
        break;
      case "google.rpc.ResourceInfo": {
        const info = googleRpc.ResourceInfo.decode(detail.value);
        details["resourceType"] = info.resourceType;
        details["resourceName"] = info.resourceName;
        break;
      }
      default:
        break; // details of other services are theirs
    }
  }
  return restoreError(status, {
    where,
    details,
    issues: issues.length > 0 ? issues : violations,
    cause,
  });
}

interface RestoredParts {
  readonly where: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
  readonly issues: readonly Issue[];
  readonly cause: unknown;
}

/** The message on the wire begins with `where: `, which the constructor of QtuneError writes again. */
function restoreError(status: googleRpc.Status, parts: RestoredParts): QtuneError {
  const { where, ...rest } = parts;
  const code = codeFromGrpc(status.code);
  if (where === undefined || !status.message.startsWith(`${where}: `))
    return new QtuneError(code, status.message, rest);
  return new QtuneError(code, status.message.slice(where.length + 2), { where, ...rest });
}

function toFieldViolation(issue: Issue): { field: string; description: string; reason: string } {
  const parts = [
    issue.expected === undefined ? "" : `expected ${issue.expected}`,
    issue.given === undefined ? "" : `was given ${issue.given}`,
    issue.hint ?? "",
  ];
  return {
    field: issue.where,
    description: parts.filter((part) => part !== "").join("; "),
    reason: "",
  };
}

function fromFieldViolation(violation: googleRpc.BadRequest_FieldViolation): Issue {
  return { where: violation.field, hint: violation.description };
}

function toFieldProblem(issue: Issue): circuitV1.FieldProblem {
  return {
    where: issue.where,
    expected: issue.expected ?? "",
    given: issue.given ?? "",
    hint: issue.hint ?? "",
    line: issue.line ?? 0,
    column: issue.column ?? 0,
    excerpt: issue.excerpt ?? "",
  };
}

function fromFieldProblem(problem: circuitV1.FieldProblem): Issue {
  return {
    where: problem.where,
    ...(problem.expected === "" ? {} : { expected: problem.expected }),
    ...(problem.given === "" ? {} : { given: problem.given }),
    ...(problem.hint === "" ? {} : { hint: problem.hint }),
    ...(problem.line === 0 ? {} : { line: problem.line }),
    ...(problem.column === 0 ? {} : { column: problem.column }),
    ...(problem.excerpt === "" ? {} : { excerpt: problem.excerpt }),
  };
}

function toJson(value: unknown): string {
  return (
    JSON.stringify(value, (_, each: unknown) =>
      typeof each === "bigint" ? each.toString() : each,
    ) ?? "null"
  );
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text; // a truncated value, or one of another service
  }
}

function truncate(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  return `${Buffer.from(text)
    .subarray(0, maxBytes - 4)
    .toString("utf8")
    .replace(/\uFFFD$/, "")}…`;
}
