/** Limits of messages and streams. grpc-js accepts 4 MiB by default and sends without limit: both ends set them. */
export const messageLimits = {
  /** Largest message that a server or client of ours accepts, bytes; larger requests travel in chunks. */
  maxMessageBytes: 64 * 1024 * 1024,
  /** Largest chunk of a stream: small enough that no peer's default limit refuses it and that streams interleave. */
  maxChunkBytes: 1024 * 1024 - 64 * 1024,
  /** Unary requests above this go as a stream where the service has one. */
  unaryBytes: 2 * 1024 * 1024,
  /** Largest batch that a stream may build up in memory, bytes. */
  maxStreamedBytes: 512 * 1024 * 1024,
} as const;

/** How long a call may take where the caller says nothing. */
export const defaultDeadlineMs = 60_000;
