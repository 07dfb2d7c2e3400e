/** The models that a daemon may open, opened once each and shared by runs and evaluations. */
import path from "node:path";
import { type Abortable, type OnProgress, QtuneError, suggest } from "@qtune/base";
import type { trainingV1 } from "@qtune/contracts";
import {
  type OpenedModel,
  type Tokenizer,
  assertVocabulary,
  loadTokenizer,
  modelTable,
  openModel,
} from "@qtune/llm";

/** A model that is open, with its tokenizer. */
export interface LibraryModel {
  readonly model: OpenedModel;
  readonly tokenizer: Tokenizer;
}

/** Options of {@link createModelLibrary}. */
export interface ModelLibraryOptions {
  readonly cacheDirectory?: string | undefined;
  /** Sources that the operator allows beside the short names. */
  readonly allowed: readonly string[];
  /** Folder below which models may be named by relative path. */
  readonly dataRoot?: string | undefined;
}

/** Opens models by the names that clients may use. */
export interface ModelLibrary {
  /** Errors: permission_denied for a model that the operator has not allowed, with the allowed ones. */
  assertAllowed(name: string, where: string): void;
  open(
    name: string,
    options: Abortable & { readonly onProgress?: OnProgress },
  ): Promise<LibraryModel>;
  list(): readonly trainingV1.Model[];
  close(): Promise<void>;
}

/** Creates the library; nothing is opened before it is used. */
export function createModelLibrary(options: ModelLibraryOptions): ModelLibrary {
  const opened = new Map<string, Promise<LibraryModel>>();
  const names = [...Object.keys(modelTable), ...options.allowed];

  const sourceOf = (name: string, where: string): string => {
    if (names.includes(name)) return name;
    const below = options.dataRoot === undefined ? undefined : pathBelow(options.dataRoot, name);
    if (below !== undefined) return below;
    const near = suggest(name, names);
    throw new QtuneError(
      "permission_denied",
      `this daemon may not open ${JSON.stringify(name)}; it may open ${names.join(", ")}${near === undefined ? "" : `; did you mean ${near}?`} (the operator adds --model SOURCE)`,
      { where },
    );
  };

  return {
    assertAllowed: (name, where) => void sourceOf(name, where),
    open: async (name, { signal, onProgress }) => {
      const source = sourceOf(name, "model");
      const known = opened.get(source);
      if (known !== undefined) return known;
      const opening = openOnce(source, { signal, onProgress, cacheDir: options.cacheDirectory });
      opened.set(source, opening);
      // A failed download is tried again by the next call.
      opening.catch(() => opened.delete(source));
      return opening;
    },
    list: () =>
      names.map((id) => {
        const row = modelTable[id];
        return {
          id,
          displayName: row?.about ?? id,
          architecture: "",
          parameters: BigInt(row?.parameters ?? 0),
          local: opened.has(id),
          licence: row?.licence ?? "",
        };
      }),
    close: async () => {
      for (const opening of opened.values())
        await opening.then(({ model }) => model.close()).catch(() => {}); // never opened
      opened.clear();
    },
  };
}

async function openOnce(
  source: string,
  options: {
    readonly signal: AbortSignal | undefined;
    readonly onProgress: OnProgress | undefined;
    readonly cacheDir: string | undefined;
  },
): Promise<LibraryModel> {
  const model = await openModel(source, options);
  try {
    const tokenizer = await loadTokenizer(model.tokenizerFiles);
    assertVocabulary(tokenizer, model.config, source);
    return { model, tokenizer };
  } catch (error) {
    await model.close();
    throw error;
  }
}

/** Returns the path of a relative name below a folder, or nothing when it would lead out of it. */
export function pathBelow(folder: string, name: string): string | undefined {
  if (path.isAbsolute(name) || name.includes("\0") || name.includes(":")) return undefined;
  const resolved = path.resolve(folder, name);
  return resolved.startsWith(path.resolve(folder) + path.sep) ? resolved : undefined;
}
