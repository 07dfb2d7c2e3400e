/** Finds a package version in the npm registry that the user's npm is configured for: mirror, scopes and token included. */
import { homedir } from "node:os";
import path from "node:path";
import { type Abortable, QtuneError } from "@qtune/base";
import { askClient } from "./ask-client.ts";
import { assertOk, type FileHash, parseIntegrity } from "./http-download.ts";
import { readIni } from "./ini-file.ts";

/** What npm is configured to do, as far as fetching is concerned. */
export interface NpmConfig {
  /** Address of the registry of a package, ending in a slash. */
  registryOf(packageName: string): string;
  /** Headers that authenticate a request to an address; empty where nothing is configured. */
  headersFor(url: string): Readonly<Record<string, string>>;
}

/** A package version as the registry describes it. */
export interface NpmTarball {
  readonly url: string;
  readonly hash: FileHash;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Reads npm's configuration: environment first, then `.npmrc` of the working folder, of the user and of the system.
 *
 * Effect: reads files and the given environment; where they name no registry, asks npm for its own.
 */
export async function readNpmConfig(
  environment: NodeJS.ProcessEnv = process.env,
  folder: string = process.cwd(),
  options: { readonly ask?: () => Promise<string> } = {},
): Promise<NpmConfig> {
  const setting = (name: string): string | undefined =>
    environment[`npm_config_${name}`] ?? environment[`NPM_CONFIG_${name.toUpperCase()}`];
  const prefix = setting("prefix") ?? path.dirname(path.dirname(process.execPath));
  const files = [
    path.join(folder, ".npmrc"),
    setting("userconfig") ?? path.join(environment["HOME"] ?? homedir(), ".npmrc"),
    setting("globalconfig") ?? path.join(prefix, "etc", "npmrc"),
  ];
  const layers: ReadonlyMap<string, string>[] = [];
  for (const file of files) layers.push(await readIni(file, environment));
  const find = (key: string): string | undefined =>
    layers.find((layer) => layer.has(key))?.get(key);
  const registry = withSlash(
    setting("registry") ?? find("registry") ?? (await (options.ask ?? askNpm)()),
  );
  return {
    registryOf: (name) => {
      const scope = name.startsWith("@") ? name.split("/")[0] : undefined;
      const scoped = scope === undefined ? undefined : find(`${scope}:registry`);
      return scoped === undefined ? registry : withSlash(scoped);
    },
    headersFor: (url) => authorization(url, find),
  };
}

const askNpm = (): Promise<string> =>
  askClient("npm", ["config", "get", "registry"], "npm_config_registry");

const withSlash = (url: string): string => (url.endsWith("/") ? url : `${url}/`);

/** Finds the credentials of the longest configured prefix of an address: `//host/path/:_authToken` and kin. */
function authorization(
  url: string,
  find: (key: string) => string | undefined,
): Readonly<Record<string, string>> {
  const { host, pathname } = new URL(url);
  const segments = pathname.split("/").filter((segment) => segment !== "");
  for (let depth = segments.length; depth >= 0; depth--) {
    const place = `//${[host, ...segments.slice(0, depth)].join("/")}/`;
    const token = find(`${place}:_authToken`);
    if (token !== undefined) return { authorization: `Bearer ${token}` };
    const basic = find(`${place}:_auth`);
    if (basic !== undefined) return { authorization: `Basic ${basic}` };
  }
  return {};
}

/**
 * Asks the registry where a package version lies and which hash it has.
 *
 * Errors: not_found for an unknown package or version, unavailable when nothing answers, data_loss for a reply without
 *         a usable integrity.
 */
export async function findNpmTarball(
  name: string,
  version: string,
  options: Abortable & { readonly config?: NpmConfig } = {},
): Promise<NpmTarball> {
  const config = options.config ?? (await readNpmConfig());
  const label = `npm:${name}@${version}`;
  const url = `${config.registryOf(name)}${name.replace("/", "%2f")}/${encodeURIComponent(version)}`;
  const response = await fetch(url, {
    headers: { accept: "application/json", ...config.headersFor(url) },
    signal: options.signal ?? null,
  }).catch((cause: unknown) => {
    throw unreachable(url, label, cause);
  });
  if (response.status === 404) {
    throw new QtuneError("not_found", `the registry has no such package version (${url})`, {
      where: label,
    });
  }
  assertOk(response, { url, label });
  const { dist } = (await response.json()) as {
    dist?: { tarball?: string; integrity?: string; shasum?: string };
  };
  const integrity = parseIntegrity(dist?.integrity ?? "");
  const shasum = dist?.shasum;
  const hash =
    integrity ?? (shasum === undefined ? undefined : ({ algorithm: "sha1", hex: shasum } as const));
  if (dist?.tarball === undefined || hash === undefined) {
    throw new QtuneError("data_loss", `expected a tarball and its integrity from ${url}`, {
      where: label,
    });
  }
  const tarball = throughRegistry(dist.tarball, name, config.registryOf(name));
  return { url: tarball, hash, headers: config.headersFor(tarball) };
}

/**
 * A mirror may still name the registry it copies in its replies: an address of the usual form, `host/name/-/file`, is asked
 * of the configured registry instead. The hash is checked wherever the bytes come from.
 */
function throughRegistry(tarball: string, name: string, registry: string): string {
  const { pathname } = new URL(tarball);
  return pathname.startsWith(`/${name}/-/`) ? registry + pathname.slice(1) : tarball;
}

/** Creates the error for a server that does not answer. */
export function unreachable(url: string, label: string, cause: unknown): QtuneError {
  const error = QtuneError.from(cause);
  if (error.code === "cancelled" || error.code === "deadline_exceeded") return error;
  const reason =
    cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : error.message;
  return new QtuneError(
    "unavailable",
    `${new URL(url).origin} does not answer: ${reason}; check the network, the proxy (NODE_USE_ENV_PROXY=1) or work offline`,
    { where: label, cause },
  );
}
