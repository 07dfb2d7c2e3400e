/** Errors as OpenAI's clients expect them: a status code, and an object with message, type, param and code. */
import { QtuneError, type ErrorCode } from "@qtune/base";

/** An error on its way to a client. */
export interface ApiError {
  readonly status: number;
  readonly body: {
    readonly error: {
      readonly message: string;
      readonly type: string;
      readonly param: string | null;
      readonly code: string | null;
    };
  };
}

interface Row {
  readonly status: number;
  readonly type: string;
  readonly code?: string;
}

const badRequest: Row = { status: 400, type: "invalid_request_error" };
const serverError: Row = { status: 500, type: "server_error" };
/** What an error code is over HTTP; the clients retry 429 and 5xx by themselves. */
const statusTable: Readonly<Record<ErrorCode, Row>> = {
  invalid_argument: badRequest,
  out_of_range: badRequest,
  failed_precondition: badRequest,
  unimplemented: { ...badRequest, code: "unsupported_parameter" },
  not_found: { ...badRequest, status: 404 },
  already_exists: { ...badRequest, status: 409 },
  aborted: { ...badRequest, status: 409 },
  unauthenticated: { ...badRequest, status: 401, code: "invalid_api_key" },
  permission_denied: { ...badRequest, status: 403 },
  resource_exhausted: { status: 429, type: "rate_limit_error", code: "rate_limit_exceeded" },
  cancelled: { status: 499, type: "cancelled" },
  deadline_exceeded: { ...serverError, status: 504 },
  unavailable: { ...serverError, status: 503 },
  internal: serverError,
  unknown: serverError,
  data_loss: serverError,
};

/** What a failure says of itself, beyond its code. */
export interface ApiDetails {
  /** The field of the request. */
  readonly param?: string;
  /** OpenAI's word for it, e.g. `model_not_found`. */
  readonly apiCode?: string;
  readonly status?: number;
}

/** Creates an error about one field of a request. */
export function requestError(
  code: ErrorCode,
  message: string,
  details: ApiDetails = {},
): QtuneError {
  return new QtuneError(code, message, {
    details: { ...details },
    ...(details.param === undefined ? {} : { where: details.param }),
  });
}

/** Converts an error. What is not the caller's fault says no more than that: the rest belongs into the log. */
export function toApiError(caught: unknown): ApiError {
  const error = QtuneError.from(caught);
  const row = statusTable[error.code];
  const details = error.details as ApiDetails; // of ours, or none of these names
  const isOurs = row === serverError;
  return {
    status: details.status ?? row.status,
    body: {
      error: {
        message: isOurs ? "the server failed; its log says why" : error.message,
        type: row.type,
        param: details.param ?? null,
        code: details.apiCode ?? row.code ?? null,
      },
    },
  };
}
