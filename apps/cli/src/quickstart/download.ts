import { mkdir, open } from "node:fs/promises";
import path from "node:path";
import { QtuneError } from "@qtune/base";
import type { trainingV1 } from "@qtune/contracts";

/**
 * Writes the files of a stream of chunks below a folder.
 *
 * Errors: data_loss when a path leads out of the folder or a chunk is missing.
 */
export async function saveChunks(
  folder: string,
  chunks: AsyncIterable<trainingV1.FileChunk | undefined>,
): Promise<string[]> {
  const saved: string[] = [];
  let file: { readonly handle: Awaited<ReturnType<typeof open>>; position: number } | undefined;
  try {
    for await (const chunk of chunks) {
      if (chunk === undefined) continue;
      if (chunk.entry !== undefined) {
        await file?.handle.close();
        const target = path.resolve(folder, chunk.entry.path);
        if (!target.startsWith(path.resolve(folder) + path.sep))
          throw new QtuneError(
            "data_loss",
            `the path leads out of the folder: ${chunk.entry.path}`,
            { where: folder },
          );
        await mkdir(path.dirname(target), { recursive: true });
        file = { handle: await open(target, "w"), position: 0 };
        saved.push(target);
      }
      if (file === undefined || Number(chunk.offset) !== file.position)
        throw new QtuneError("data_loss", "a part of a file is missing", { where: folder });
      await file.handle.write(chunk.data);
      file.position += chunk.data.length;
    }
  } finally {
    await file?.handle.close();
  }
  return saved;
}
