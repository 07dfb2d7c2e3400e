/**
 * Who may call what. Tokens travel as `authorization: Bearer …`; the operator keeps them in a file, as plain text or as
 * SHA-256. Nothing here is logged, and an unknown token takes as long to refuse as a known one to accept.
 */
import { createHash } from "node:crypto";
import { type Issue, QtuneError } from "@qtune/base";
import { type Scope, isScope, scopeOf, scopes } from "./scope-table.ts";

/** Who calls, and what they may do. */
export interface Principal {
  /** Name of the token or certificate; `anonymous` where the server asks for neither. */
  readonly name: string;
  readonly scopes: ReadonlySet<Scope>;
  readonly quotas: Quotas;
}

/** What a principal may use. Absent: no limit. */
export interface Quotas {
  /** Seconds of chip time in all. */
  readonly chipSeconds?: number;
  /** Circuits that wait or run at a time. */
  readonly queuedCircuits?: number;
  /** Training runs that wait or run at a time. */
  readonly activeRuns?: number;
  /** Share of the device relative to other principals. Absent: 1. */
  readonly weight?: number;
}

/** Known tokens by their SHA-256 in hexadecimal digits. */
export type TokenTable = ReadonlyMap<string, Principal>;

/** The caller of a server that asks for no token. */
export const anonymous: Principal = { name: "anonymous", scopes: new Set(scopes), quotas: {} };

/**
 * Reads a token file: JSON `[{ "name", "token" | "sha256", "scopes"?, "quotas"? }]`.
 *
 * Errors: invalid_argument with every problem; the text of a token is never quoted.
 */
export function parseTokenFile(text: string): TokenTable {
  let rows: unknown;
  try {
    rows = JSON.parse(text);
  } catch (error) {
    throw new QtuneError("invalid_argument", "expected JSON", { where: "tokens", cause: error });
  }
  if (!Array.isArray(rows))
    throw new QtuneError("invalid_argument", "expected a list of tokens", { where: "tokens" });
  const issues: Issue[] = [];
  const table = new Map<string, Principal>();
  rows.forEach((row: unknown, index) => {
    const entry = readTokenRow(row, `tokens[${index}]`, issues);
    if (entry === undefined) return;
    if (table.has(entry.sha256))
      issues.push({
        where: `tokens[${index}]`,
        expected: "a token of its own",
        given: "one that stands above",
      });
    table.set(entry.sha256, entry.principal);
  });
  if (issues.length > 0) throw QtuneError.fromIssues(issues);
  return table;
}

function readTokenRow(
  row: unknown,
  where: string,
  issues: Issue[],
): { sha256: string; principal: Principal } | undefined {
  if (typeof row !== "object" || row === null) {
    issues.push({ where, expected: "an object with name and token" });
    return undefined;
  }
  const fields = row as Readonly<Record<string, unknown>>; // every field is checked before use
  const name = fields["name"];
  if (typeof name !== "string" || name === "")
    issues.push({ where: `${where}.name`, expected: "a name" });
  const sha256 = tokenHash(fields, where, issues);
  const granted = readScopes(fields["scopes"], `${where}.scopes`, issues);
  const quotas = readQuotas(fields["quotas"], `${where}.quotas`, issues);
  if (typeof name !== "string" || sha256 === undefined) return undefined;
  return { sha256, principal: { name, scopes: granted, quotas } };
}

function tokenHash(
  fields: Readonly<Record<string, unknown>>,
  where: string,
  issues: Issue[],
): string | undefined {
  const { token, sha256 } = fields;
  if (typeof token === "string" && token.length >= 16) return sha256Hex(token);
  if (typeof sha256 === "string" && /^[0-9a-f]{64}$/i.test(sha256)) return sha256.toLowerCase();
  issues.push({
    where,
    expected: "a token of at least 16 characters, or its sha256 (64 hexadecimal digits)",
  });
  return undefined;
}

function readScopes(value: unknown, where: string, issues: Issue[]): ReadonlySet<Scope> {
  if (value === undefined) return new Set(scopes);
  if (!Array.isArray(value)) {
    issues.push({ where, expected: "a list of scopes" });
    return new Set();
  }
  const known = new Set<Scope>();
  value.forEach((scope: unknown, index) => {
    if (typeof scope === "string" && isScope(scope)) known.add(scope);
    else
      issues.push({
        where: `${where}[${index}]`,
        expected: `one of ${scopes.join(", ")}`,
        given: String(scope),
      });
  });
  return known;
}

const quotaNames = ["chipSeconds", "queuedCircuits", "activeRuns", "weight"] as const;

function readQuotas(value: unknown, where: string, issues: Issue[]): Quotas {
  if (value === undefined) return {};
  const quotas: Record<string, number> = {};
  for (const [key, limit] of Object.entries(value as Readonly<Record<string, unknown>>)) {
    if (!quotaNames.some((name) => name === key)) {
      issues.push({ where: `${where}.${key}`, expected: `one of ${quotaNames.join(", ")}` });
    } else if (typeof limit !== "number" || !(limit >= 0)) {
      issues.push({
        where: `${where}.${key}`,
        expected: "a number, at least 0",
        given: String(limit),
      });
    } else {
      quotas[key] = limit;
    }
  }
  return quotas;
}

/** Returns the principal of an `authorization` header. Errors: unauthenticated. */
export function authenticate(header: string | undefined, tokens: TokenTable): Principal {
  const hint = "send the metadata `authorization: Bearer <token>`";
  if (header === undefined)
    throw new QtuneError("unauthenticated", `expected a token but none came; ${hint}`);
  const match = /^Bearer +(\S+)$/i.exec(header);
  const principal = tokens.get(sha256Hex(match?.[1] ?? "")); // looked up by hash: timing tells nothing about tokens
  if (match === null || principal === undefined)
    throw new QtuneError("unauthenticated", `the token is not known; ${hint}`);
  return principal;
}

/** Throws permission_denied unless a principal may call a method. */
export function authorize(principal: Principal, method: string): void {
  const scope = scopeOf(method);
  if (principal.scopes.has(scope)) return;
  throw new QtuneError(
    "permission_denied",
    `the token ${principal.name} lacks the scope ${scope} that ${method} needs`,
    {
      details: { scope },
    },
  );
}

function sha256Hex(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
