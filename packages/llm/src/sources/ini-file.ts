/** The ini dialect that `.npmrc` and `pip.conf` share as far as it is needed: sections, `key = value`, comments. */
import { readFile } from "node:fs/promises";

/** Returns `section.key` or, outside sections, `key`, to value. `${NAME}` becomes the environment variable. */
export function parseIni(
  text: string,
  environment: NodeJS.ProcessEnv,
): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  let prefix = "";
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#") || line.startsWith(";")) continue;
    const section = /^\[(.+)\]$/.exec(line)?.[1];
    if (section !== undefined) {
      prefix = `${section}.`;
      continue;
    }
    const equals = line.indexOf("=");
    if (equals < 1) continue;
    const value = line
      .slice(equals + 1)
      .trim()
      .replace(/^"(.*)"$/, "$1");
    const expanded = value.replace(
      /\$\{([^}]+)\}/g,
      (whole, name: string) => environment[name] ?? whole,
    );
    values.set(prefix + line.slice(0, equals).trim(), expanded);
  }
  return values;
}

/** Reads an ini file; one that is not there or may not be read is empty. */
export async function readIni(
  filePath: string,
  environment: NodeJS.ProcessEnv,
): Promise<ReadonlyMap<string, string>> {
  const text = await readFile(filePath, "utf8").catch(() => "");
  return parseIni(text, environment);
}
