/** How far a long call has come. `done` never falls; `total` is absent while unknown. */
export interface Progress {
  /** What is being done, e.g. `download` or `train`. */
  readonly phase: string;
  readonly done: number;
  readonly total?: number;
  /** Unit of `done` and `total`, e.g. `bytes`, `steps`, `circuits`. */
  readonly unit: string;
  readonly message?: string;
}

/** Receives progress; must return quickly and not throw. */
export type OnProgress = (progress: Progress) => void;
