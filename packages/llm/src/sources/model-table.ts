/** The short names of models.json: several sources each, tried in order, and one SHA-256 per source. */
import { QtuneError, suggest } from "@qtune/base";
import table from "../../models.json" with { type: "json" };

/** One place where a model of the table is found. */
export interface ModelPlace {
  /** As people write it, see parseModelSource. */
  readonly source: string;
  /** The weight file inside; empty where the source is one file. */
  readonly file: string;
  /** SHA-256 of that file. */
  readonly sha256: string;
}

/** A model with a short name. */
export interface ModelRow {
  readonly about: string;
  /** SPDX name of the licence of the weights. */
  readonly licence: string;
  readonly parameters: number;
  readonly downloadBytes: number;
  readonly sources: readonly ModelPlace[];
}

/** Every model with a short name. */
export const modelTable: Readonly<Record<string, ModelRow>> = table.models;

/** Returns the row of a short name, or nothing. */
export function findModel(name: string): ModelRow | undefined {
  return Object.hasOwn(modelTable, name) ? modelTable[name] : undefined;
}

/** Creates the error for a name that is neither in the table nor a path that exists. */
export function unknownModel(name: string): QtuneError {
  const names = Object.keys(modelTable);
  const close = suggest(name, names);
  const hint =
    close === undefined ? `short names are ${names.join(", ")}` : `did you mean ${close}?`;
  return new QtuneError("not_found", `there is no such folder, file or model; ${hint}`, {
    where: name,
    details: { names },
  });
}
