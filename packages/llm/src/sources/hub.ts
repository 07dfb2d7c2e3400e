/**
 * Hugging Face Hub, with the cache layout that its Python and JavaScript tools share (`models--org--name/{blobs, refs,
 * snapshots}`), so that what one has fetched serves all. Listing comes from @huggingface/hub; blobs come through our own
 * download, which resumes and checks SHA-256 (large files) or the Git hash (small ones), as the library does not.
 */
import { createHash } from "node:crypto";
import { mkdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import {
  getHFHubCachePath,
  getRepoFolderName,
  HubApiError,
  type ListFileEntry,
  listFiles,
  modelInfo,
} from "@huggingface/hub";
import { QtuneError } from "@qtune/base";
import { withLock } from "./cache-folder.ts";
import type { FetchedSource, FetchOptions } from "./fetch-source.ts";
import { downloadFile } from "./http-download.ts";
import type { ModelSource } from "./model-source.ts";
import { unreachable } from "./npm-registry.ts";

type HubSource = Extract<ModelSource, { kind: "hf" }>;

/** How to reach the hub; read from `HF_ENDPOINT`, `HF_TOKEN` (or the token file), `HF_HUB_OFFLINE`, `HF_HUB_CACHE`. */
interface HubSettings {
  readonly endpoint: string;
  readonly token: string | undefined;
  readonly isOffline: boolean;
  readonly cacheDir: string;
}

async function readHubSettings(offline: boolean | undefined): Promise<HubSettings> {
  const environment = process.env;
  const cacheDir = getHFHubCachePath();
  const tokenFile = environment["HF_TOKEN_PATH"] ?? path.join(path.dirname(cacheDir), "token");
  const token =
    environment["HF_TOKEN"] ?? (await readFile(tokenFile, "utf8").catch(() => "")).trim();
  const isOn = (value: string | undefined): boolean => /^(1|true|yes|on)$/i.test(value ?? "");
  return {
    endpoint: (environment["HF_ENDPOINT"] ?? "https://huggingface.co").replace(/\/+$/, ""),
    token: token === "" ? undefined : token,
    isOffline: offline ?? isOn(environment["HF_HUB_OFFLINE"]),
    cacheDir,
  };
}

/**
 * Fetches what a model needs from the hub: configuration, tokenizer, and weights as safetensors, else as GGUF.
 *
 * Errors: not_found, permission_denied for gated models without access, unavailable offline, data_loss on a wrong hash.
 */
export async function fetchFromHub(
  source: HubSource,
  options: FetchOptions,
): Promise<FetchedSource> {
  const settings = await readHubSettings(options.offline);
  const label = `hf:${source.repository}`;
  const folder = path.join(
    settings.cacheDir,
    getRepoFolderName({ name: source.repository, type: "model" }),
  );
  const commit = settings.isOffline
    ? await knownCommit(folder, source, label)
    : await currentCommit(folder, source, settings, label);
  const snapshot = path.join(folder, "snapshots", commit);
  const hashes = new Map<string, string>();
  if (!settings.isOffline) {
    const files = chooseFiles(await listAll(source, commit, settings, label), source.path);
    if (files.length === 0) {
      throw new QtuneError("not_found", `expected ${source.path || "a model"} in the repository`, {
        where: label,
      });
    }
    if (source.path === "") assertOneGguf(files, label);
    const work = async (): Promise<void> => {
      for (const file of files) {
        const place = { folder, snapshot, source, commit, settings };
        await fetchFile(file, place, options);
        if (file.lfs !== undefined) hashes.set(path.join(snapshot, file.path), file.lfs.oid);
      }
    };
    await withLock(path.join(folder, ".qtune.lock"), work, options);
  }
  const origin = { url: `${settings.endpoint}/${source.repository}`, revision: commit };
  return { path: path.join(snapshot, ...source.path.split("/")), origin, hashes };
}

/** Finds the commit that an earlier run left in the cache. */
async function knownCommit(folder: string, source: HubSource, label: string): Promise<string> {
  const written = await readFile(path.join(folder, "refs", source.revision), "utf8").catch(
    () => source.revision, // a commit names itself
  );
  const commit = written.trim();
  const exists = await stat(path.join(folder, "snapshots", commit)).catch(() => undefined);
  if (exists === undefined) {
    const problem = `expected revision ${source.revision} in the cache (${folder}) because fetching is off`;
    throw new QtuneError("unavailable", problem, { where: label });
  }
  return commit;
}

async function currentCommit(
  folder: string,
  source: HubSource,
  settings: HubSettings,
  label: string,
): Promise<string> {
  const info = await modelInfo({
    name: source.repository,
    revision: source.revision,
    additionalFields: ["sha"],
    hubUrl: settings.endpoint,
    fetch: hubFetch(settings),
  }).catch((error: unknown) => {
    throw hubError(error, settings.endpoint, label);
  });
  if (!/^[0-9a-f]{40}$/.test(info.sha)) {
    throw new QtuneError("data_loss", `expected a commit but was given ${info.sha}`, {
      where: label,
    });
  }
  if (source.revision !== info.sha) {
    const ref = path.join(folder, "refs", source.revision);
    await mkdir(path.dirname(ref), { recursive: true });
    await writeFile(ref, info.sha);
  }
  return info.sha;
}

/** A fetch with the user's token: mirrors (HF_ENDPOINT) have tokens that the library would refuse for their form. */
function hubFetch({ token }: HubSettings): typeof fetch {
  return (input, init) => {
    const headers = new Headers(init?.headers);
    if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
    return fetch(input, { ...init, headers });
  };
}

async function listAll(
  source: HubSource,
  commit: string,
  settings: HubSettings,
  label: string,
): Promise<ListFileEntry[]> {
  const files: ListFileEntry[] = [];
  try {
    for await (const entry of listFiles({
      repo: { type: "model", name: source.repository },
      revision: commit,
      recursive: true,
      hubUrl: settings.endpoint,
      fetch: hubFetch(settings),
    })) {
      if (entry.type === "file") files.push(entry);
    }
  } catch (error) {
    throw hubError(error, settings.endpoint, label);
  }
  return files;
}

function hubError(error: unknown, endpoint: string, label: string): QtuneError {
  if (!(error instanceof HubApiError)) return unreachable(endpoint, label, error);
  const { statusCode, message } = error;
  if (statusCode === 404)
    return new QtuneError("not_found", message, { where: label, cause: error });
  if (statusCode === 401 || statusCode === 403) {
    const hint = "the model is gated or private: accept its terms on the hub and set HF_TOKEN";
    const code = statusCode === 401 ? "unauthenticated" : "permission_denied";
    return new QtuneError(code, `${message}; ${hint}`, { where: label, cause: error });
  }
  return new QtuneError("unavailable", message, { where: label, cause: error });
}

const smallFiles = /^[^/]*\.(json|jinja|txt|model)$|^(LICENSE|NOTICE|README)[^/]*$/i;

/** Chooses the files a model needs; safetensors win over GGUF, other formats of the same weights are left where they are. */
export function chooseFiles<F extends { readonly path: string }>(
  files: readonly F[],
  inside: string,
): F[] {
  if (inside !== "")
    return files.filter((file) => file.path === inside || file.path.startsWith(`${inside}/`));
  const roots = files.filter(({ path: name }) => !name.includes("/"));
  const ending = (pattern: RegExp): F[] => roots.filter(({ path: name }) => pattern.test(name));
  // Some repositories hold the same weights twice, under another name beside the usual one.
  const usual = ending(/^model(-\d+-of-\d+)?\.safetensors$/);
  const weights = [usual, ending(/\.safetensors$/), ending(/\.gguf$/)].find(
    (found) => found.length > 0,
  );
  return [...ending(smallFiles), ...(weights ?? [])];
}

/** A repository of GGUF files holds one model at many sizes: which one is meant has to be said. */
function assertOneGguf(files: readonly { readonly path: string }[], label: string): void {
  const names = files.map(({ path: name }) => name).filter((name) => name.endsWith(".gguf"));
  if (names.length < 2) return;
  throw new QtuneError(
    "invalid_argument",
    `expected one GGUF file but the repository has ${names.slice(0, 12).join(", ")}; write ${label}/${names[0]}`,
    { where: label, details: { names } },
  );
}

interface Place {
  readonly folder: string;
  readonly snapshot: string;
  readonly source: HubSource;
  readonly commit: string;
  readonly settings: HubSettings;
}

async function fetchFile(file: ListFileEntry, place: Place, options: FetchOptions): Promise<void> {
  const target = path.resolve(place.snapshot, file.path);
  if (!target.startsWith(place.snapshot + path.sep)) {
    throw new QtuneError("invalid_argument", `the repository names a file outside: ${file.path}`, {
      where: `hf:${place.source.repository}`,
    });
  }
  const present = await stat(target).catch(() => undefined);
  if (present?.size === file.size) return;
  const id = file.lfs?.oid ?? file.oid ?? "";
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(id)) {
    throw new QtuneError("data_loss", `expected a hash of ${file.path}`, {
      where: `hf:${place.source.repository}`,
    });
  }
  const blob = path.join(place.folder, "blobs", id);
  if ((await stat(blob).catch(() => undefined))?.size !== file.size) {
    await fetchBlob(file, blob, place, options);
  }
  await mkdir(path.dirname(target), { recursive: true });
  await rm(target, { force: true });
  await symlink(path.relative(path.dirname(target), blob), target);
}

async function fetchBlob(
  file: ListFileEntry,
  blob: string,
  place: Place,
  options: FetchOptions,
): Promise<void> {
  const { settings, source, commit } = place;
  const name = file.path.split("/").map(encodeURIComponent).join("/");
  const { lfs } = file;
  await downloadFile({
    ...options,
    url: `${settings.endpoint}/${source.repository}/resolve/${commit}/${name}`,
    target: blob,
    headers: settings.token === undefined ? {} : { authorization: `Bearer ${settings.token}` },
    expected: lfs === undefined ? undefined : { algorithm: "sha256", hex: lfs.oid },
    label: `hf:${source.repository}/${file.path}`,
  });
  if (lfs !== undefined || file.oid === undefined) return;
  const content = await readFile(blob); // small files only: large ones are in LFS
  const given = createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
  if (given === file.oid) return;
  await rm(blob, { force: true });
  throw new QtuneError("data_loss", `expected Git hash ${file.oid} but the download has ${given}`, {
    where: `hf:${source.repository}/${file.path}`,
  });
}
