import { QtuneError } from "@qtune/base";

/** Where a service is. */
export interface Target {
  /** `host:port`. */
  readonly address: string;
  readonly secure: boolean;
  /** What follows the address, e.g. `devices/wukong-72`. */
  readonly resource?: string;
}

/**
 * Parses `host:port`, `grpc://host:port[/resource]` or `grpcs://host:port[/resource]`; port 7272 unless given.
 *
 * Errors: invalid_argument.
 */
export function parseTarget(text: string): Target {
  const match = /^(?:(grpcs?):\/\/)?(\[[0-9a-fA-F:]+\]|[^/:\s]+)(?::(\d{1,5}))?(?:\/(.*))?$/.exec(
    text,
  );
  const [, scheme, host, port = "7272", resource] = match ?? [];
  if (host === undefined || Number(port) > 65535) {
    throw new QtuneError(
      "invalid_argument",
      `expected host:port, grpc://host:port or grpcs://host:port but was given ${text}`,
      {
        where: "target",
      },
    );
  }
  return {
    address: `${host}:${port}`,
    secure: scheme === "grpcs",
    ...(resource === undefined || resource === "" ? {} : { resource }),
  };
}
