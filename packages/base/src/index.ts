// For users.
export { QtuneError, isQtuneError, type QtuneErrorOptions } from "./error.ts";
export { codeTable, type ErrorCode } from "./code-table.ts";
export { type Issue, printIssue } from "./issue.ts";
export { type Random, createRandom, shuffleInPlace } from "./random.ts";
export { type Abortable } from "./abort.ts";
export { type OnProgress, type Progress } from "./progress.ts";

// For other packages.
export { codeFromGrpc } from "./code-table.ts";
export { internalError, isErrorCode } from "./error.ts";
export { philox4x32InPlace } from "./random.ts";
export { abortError, raceAbort, sleep, throwIfAborted, yieldToOthers } from "./abort.ts";
export { suggest } from "./suggest.ts";
export { assertFinite, assertInteger, assertLength, printShape, shapeSize } from "./shape.ts";
export { pairwiseSumRows } from "./pairwise-sum.ts";
