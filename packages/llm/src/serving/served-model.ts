/** What the server needs of a model: text to ids and back, and who continues texts. */
import type { Abortable } from "@qtune/base";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { RowScheduler } from "./row-scheduler.ts";

/** A model that is ready. */
export interface ServedModel {
  readonly id: string;
  readonly tokenizer: Tokenizer;
  readonly scheduler: RowScheduler;
}

/** The models of a server. */
export interface ServedModels {
  /** Ids that requests may name. */
  list(): readonly string[];
  /**
   * Returns a model by its id, loading it if need be. The caller releases it when the request is done.
   *
   * Errors: not_found for an unknown id.
   */
  acquire(
    id: string,
    options: Abortable,
  ): Promise<{ readonly model: ServedModel; release(): void }>;
}

/** Serves one model that is open already. */
export function serveOneModel(model: ServedModel): ServedModels {
  return {
    list: () => [model.id],
    acquire: async () => ({ model, release: () => {} }),
  };
}
