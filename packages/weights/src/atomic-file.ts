/** Files that appear whole or not at all: written under a temporary name, flushed to the disk, then renamed. */
import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import path from "node:path";

/** Takes bytes in order. */
export interface ByteSink {
  write(bytes: Uint8Array): Promise<void>;
}

/**
 * Writes a file through `fill`, atomically: readers see the old file or the new one, a crash leaves the old one.
 *
 * Effect: makes missing folders; on failure the temporary file is removed and the target is untouched.
 */
export async function writeFileAtomically(
  filePath: string,
  fill: (sink: ByteSink) => Promise<void>,
): Promise<void> {
  const folder = path.dirname(path.resolve(filePath));
  await mkdir(folder, { recursive: true });
  const temporary = path.join(folder, `.${path.basename(filePath)}.${randomUUID()}.tmp`);
  const handle = await open(temporary, "wx");
  try {
    await fill({ write: (bytes) => writeAll(handle, bytes) });
    await handle.sync();
    await handle.close();
    await rename(temporary, filePath);
  } catch (error) {
    await handle.close();
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  let done = 0;
  while (done < bytes.byteLength) {
    const length = Math.min(64 * 2 ** 20, bytes.byteLength - done);
    const { bytesWritten } = await handle.write(bytes, done, length);
    done += bytesWritten;
  }
}

/** Flushes the rename itself; some systems cannot open a folder, and there the file is already as safe as it gets. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => undefined);
  if (handle === undefined) return;
  await handle.sync().catch(() => undefined);
  await handle.close();
}
