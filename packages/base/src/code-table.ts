/**
 * Every error code once: its gRPC status number and what a caller may conclude from it.
 * Codes are one to one with gRPC's canonical codes, so that an error keeps its meaning across a wire.
 */
export const codeTable = {
  cancelled: { grpc: 1, meaning: "the caller aborted the call" },
  unknown: { grpc: 2, meaning: "an error from outside that carries no code" },
  invalid_argument: { grpc: 3, meaning: "the input is wrong whatever the state of the system" },
  deadline_exceeded: { grpc: 4, meaning: "the deadline passed before the call ended" },
  not_found: { grpc: 5, meaning: "the named thing does not exist" },
  already_exists: { grpc: 6, meaning: "the name or request id is taken by something else" },
  permission_denied: { grpc: 7, meaning: "the caller is known but may not do this" },
  resource_exhausted: { grpc: 8, meaning: "a quota, a queue or memory is used up" },
  failed_precondition: { grpc: 9, meaning: "the system is not in the state that the call needs" },
  aborted: { grpc: 10, meaning: "a concurrent change got in the way; read again, then retry" },
  out_of_range: { grpc: 11, meaning: "a value lies outside the described limits" },
  unimplemented: { grpc: 12, meaning: "this implementation does not offer the operation" },
  internal: { grpc: 13, meaning: "an invariant of ours is broken; a bug" },
  unavailable: { grpc: 14, meaning: "nothing answers now; retry with backoff" },
  data_loss: { grpc: 15, meaning: "stored data is corrupt or incomplete" },
  unauthenticated: { grpc: 16, meaning: "no valid credentials" },
} as const satisfies Record<string, { readonly grpc: number; readonly meaning: string }>;

/** A code of {@link codeTable}. */
export type ErrorCode = keyof typeof codeTable;

/** Returns the code with a gRPC status number, or `unknown`. */
export function codeFromGrpc(status: number): ErrorCode {
  for (const [code, row] of Object.entries(codeTable)) {
    if (row.grpc === status) return code as ErrorCode; // keys of the table are the codes
  }
  return "unknown";
}
