/** Asks a package client of this machine for what it takes where nobody has configured anything. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { QtuneError } from "@qtune/base";

const run = promisify(execFile);

/**
 * Returns the address that a client prints.
 *
 * Effect: runs the client, without a shell.
 * Errors: failed_precondition when it is not there or prints no address, with the setting that makes it unnecessary.
 */
export async function askClient(
  command: string,
  args: readonly string[],
  setting: string,
): Promise<string> {
  const printed = await run(command, [...args], { timeout: 30_000 }).then(
    ({ stdout }) => stdout.trim(),
    () => "", // said below, with what to do
  );
  if (/^https?:\/\/\S+$/.test(printed)) return printed;
  throw new QtuneError(
    "failed_precondition",
    `no address is configured, and ${command} does not tell its own; set ${setting}`,
    { where: command },
  );
}
