import { readFile, stat } from "node:fs/promises";
import { QtuneError } from "@qtune/base";

/** A text that a user named, and the name for messages. */
export interface InputText {
  readonly name: string;
  readonly text: string;
}

const maxBytes = 512 * 2 ** 20;

/**
 * Reads a text file, or standard input for `-`.
 *
 * Errors: not_found, out_of_range above 512 MiB, invalid_argument for UTF-16 or bytes that are no UTF-8, with the place.
 */
export async function readInput(file: string): Promise<InputText> {
  const { name, bytes } = await readInputBytes(file);
  return { name, text: decode(bytes, name) };
}

/** Reads the bytes of a file, or standard input for `-`. Errors: not_found, out_of_range above 512 MiB. */
export async function readInputBytes(
  file: string,
): Promise<{ readonly name: string; readonly bytes: Buffer }> {
  const name = file === "-" ? "<stdin>" : file;
  return { name, bytes: file === "-" ? await readStandardInput() : await readBytes(file) };
}

async function readBytes(file: string): Promise<Buffer> {
  try {
    const { size } = await stat(file);
    if (size > maxBytes)
      throw new QtuneError(
        "out_of_range",
        `expected at most ${maxBytes} bytes but the file has ${size}`,
        { where: file },
      );
    return await readFile(file);
  } catch (error) {
    if (error instanceof QtuneError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT")
      throw new QtuneError("not_found", "no such file; `-` reads standard input", {
        where: file,
        cause: error,
      });
    if (code === "EISDIR")
      throw new QtuneError("invalid_argument", "expected a file but this is a folder", {
        where: file,
        cause: error,
      });
    if (code === "EACCES")
      throw new QtuneError("permission_denied", "the file may not be read", {
        where: file,
        cause: error,
      });
    throw new QtuneError("unknown", message, { where: file, cause: error });
  }
}

async function readStandardInput(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer); // no encoding was set
    size += (chunk as Buffer).length;
    if (size > maxBytes)
      throw new QtuneError("out_of_range", `expected at most ${maxBytes} bytes`, {
        where: "<stdin>",
      });
  }
  return Buffer.concat(chunks);
}

/** UTF-8, with or without a byte order mark. UTF-16 is what editors on Windows write by mistake: said, not guessed. */
function decode(bytes: Buffer, name: string): string {
  if (
    bytes.length >= 2 &&
    ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
  ) {
    throw new QtuneError(
      "invalid_argument",
      "expected UTF-8 but the file is UTF-16; save it as UTF-8",
      { where: name },
    );
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new QtuneError("invalid_argument", "expected UTF-8 text but the file holds other bytes", {
      where: name,
      cause: error,
    });
  }
}
