/** Finds a file of a release in the Python package index that the user's pip is configured for (PEP 503, PEP 691). */
import { homedir } from "node:os";
import path from "node:path";
import { type Abortable, QtuneError } from "@qtune/base";
import { askClient } from "./ask-client.ts";
import { assertOk, type FileHash } from "./http-download.ts";
import { readIni } from "./ini-file.ts";
import { unreachable } from "./npm-registry.ts";

/** A release file as the index lists it. */
export interface PypiFile {
  readonly filename: string;
  readonly url: string;
  readonly hash: FileHash | undefined;
}

/** Returns the address of pip's index: `PIP_INDEX_URL`, else `index-url` of the user's or the system's pip.conf. */
export async function readPypiIndex(environment: NodeJS.ProcessEnv = process.env): Promise<string> {
  const own = environment["PIP_INDEX_URL"];
  if (own !== undefined && own !== "") return own;
  const home = environment["HOME"] ?? homedir();
  const files = [
    environment["PIP_CONFIG_FILE"],
    environment["VIRTUAL_ENV"] === undefined
      ? undefined
      : path.join(environment["VIRTUAL_ENV"], "pip.conf"),
    path.join(environment["XDG_CONFIG_HOME"] ?? path.join(home, ".config"), "pip", "pip.conf"),
    path.join(home, ".pip", "pip.conf"),
    "/etc/pip.conf",
  ];
  for (const file of files) {
    if (file === undefined) continue;
    const url = (await readIni(file, environment)).get("global.index-url");
    if (url !== undefined) return url;
  }
  // pip's own default, from pip.
  const program = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)";
  return askClient("python3", ["-c", program], "PIP_INDEX_URL");
}

/**
 * Finds the file to unpack for a release: a wheel for any platform, else a source archive.
 *
 * Errors: not_found for an unknown name or version (names the versions there are), unavailable when nothing answers.
 */
export async function findPypiFile(
  name: string,
  version: string,
  options: Abortable & { readonly index?: string } = {},
): Promise<PypiFile> {
  const label = `pypi:${name}==${version}`;
  const index = (options.index ?? (await readPypiIndex())).replace(/\/*$/, "/");
  const url = `${index}${name.toLowerCase().replace(/[-_.]+/g, "-")}/`;
  const response = await fetch(url, {
    headers: { accept: "application/vnd.pypi.simple.v1+json, text/html;q=0.1" },
    signal: options.signal ?? null,
  }).catch((cause: unknown) => {
    throw unreachable(url, label, cause);
  });
  assertOk(response, { url, label });
  const isJson = (response.headers.get("content-type") ?? "").includes("json");
  const files = isJson
    ? readJsonIndex(await response.json(), url)
    : readHtmlIndex(await response.text(), url);
  return chooseFile(files, name, version, label);
}

/** Reads the JSON form of an index page (PEP 691). */
export function readJsonIndex(page: unknown, url: string): PypiFile[] {
  const { files = [] } = page as {
    files?: { filename: string; url: string; hashes?: { sha256?: string } }[];
  };
  return files.map((file) => ({
    filename: file.filename,
    url: new URL(file.url, url).href,
    hash: sha256(file.hashes?.sha256),
  }));
}

/** Reads the HTML form of an index page (PEP 503): one link per file, its hash in the fragment. */
export function readHtmlIndex(page: string, url: string): PypiFile[] {
  const files: PypiFile[] = [];
  for (const [, href = "", text = ""] of page.matchAll(
    /<a\b[^>]*?href="([^"]+)"[^>]*>([^<]*)<\/a>/gi,
  )) {
    const address = new URL(href.replaceAll("&amp;", "&"), url);
    const hash = sha256(/^#sha256=([0-9a-f]{64})$/.exec(address.hash)?.[1]);
    address.hash = "";
    files.push({ filename: text.trim(), url: address.href, hash });
  }
  return files;
}

const sha256 = (hex: string | undefined): FileHash | undefined =>
  hex === undefined ? undefined : { algorithm: "sha256", hex };

function chooseFile(
  files: readonly PypiFile[],
  name: string,
  version: string,
  label: string,
): PypiFile {
  // The name and version of a wheel or source archive may be spelt with other separators (PEP 427, PEP 625).
  const plain = (text: string): string => text.toLowerCase().replace(/[-_.]+/g, "-");
  const stem = plain(`${name}-${version}`);
  const wheel = files.find(
    ({ filename }) => filename.endsWith("-none-any.whl") && plain(filename).startsWith(`${stem}-`),
  );
  const archive = files.find(({ filename }) => plain(filename) === `${stem}-tar-gz`);
  const chosen = wheel ?? archive;
  if (chosen !== undefined) return chosen;
  const known = files.map(({ filename }) => filename).slice(-6);
  throw new QtuneError(
    "not_found",
    `expected a wheel for any platform or a .tar.gz of version ${version}; the index has ${known.join(", ") || "no files"}`,
    { where: label },
  );
}
