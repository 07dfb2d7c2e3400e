import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { deflateRawSync, crc32, gzipSync } from "node:zlib";
import { create } from "tar";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { unpackArchive } from "./unpack.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "qtune-unpack-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const at = (...names: string[]): string => path.join(folder, ...names);

/** Makes a tarball the usual way. */
async function packFolder(
  files: Record<string, string>,
  links: Record<string, string> = {},
): Promise<string> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(path.dirname(at("package", name)), { recursive: true });
    await writeFile(at("package", name), text);
  }
  for (const [name, target] of Object.entries(links)) await symlink(target, at("package", name));
  await create({ file: at("x.tgz"), cwd: folder, gzip: true }, ["package"]);
  return at("x.tgz");
}

/** Makes a tarball by hand: one entry with any name and any announced size. */
async function packEntry(name: string, text: string, size = text.length): Promise<string> {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write("0000644\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write("0", 156);
  header.write("ustar\x0000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  const body = Buffer.alloc(Math.ceil(text.length / 512) * 512);
  body.write(text);
  await writeFile(at("hand.tgz"), gzipSync(Buffer.concat([header, body, Buffer.alloc(1024)])));
  return at("hand.tgz");
}

/** Makes a zip file by hand: one deflated entry with any name and any announced size. */
async function packZip(name: string, text: string, size = text.length): Promise<string> {
  const data = deflateRawSync(text);
  const fileName = Buffer.from(name);
  const fields = (signature: number, isCentral: boolean): Buffer => {
    const buffer = Buffer.alloc(isCentral ? 46 : 30);
    const shift = isCentral ? 2 : 0;
    buffer.writeUInt32LE(signature, 0);
    if (isCentral) buffer.writeUInt16LE(20, 4);
    buffer.writeUInt16LE(20, 4 + shift);
    buffer.writeUInt16LE(0x800, 6 + shift);
    buffer.writeUInt16LE(8, 8 + shift);
    buffer.writeUInt32LE(crc32(text), 14 + shift);
    buffer.writeUInt32LE(data.length, 18 + shift);
    buffer.writeUInt32LE(size, 22 + shift);
    buffer.writeUInt16LE(fileName.length, 26 + shift);
    return Buffer.concat([buffer, fileName]);
  };
  const local = Buffer.concat([fields(0x04034b50, false), data]);
  const central = fields(0x02014b50, true);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(local.length, 16);
  await writeFile(at("hand.whl"), Buffer.concat([local, central, end]));
  return at("hand.whl");
}

const unpack = (archive: string, options = {}): Promise<void> =>
  unpackArchive(archive, at("out"), options);
const read = (name: string): Promise<string> => readFile(at("out", name), "utf8");

describe("unpackArchive", () => {
  test("unpacks a tarball without its outer folder", async () => {
    await unpack(await packFolder({ "a.txt": "A", "deep/b.txt": "B" }));
    expect(await read("a.txt")).toBe("A");
    expect(await read("deep/b.txt")).toBe("B");
  });

  test("unpacks a wheel", async () => {
    await unpack(await packZip("package/data.txt", "hello"));
    expect(await read("package/data.txt")).toBe("hello");
  });

  test("unpacks only what is wanted", async () => {
    const archive = await packFolder({ "a.txt": "A", "b.txt": "B" });
    await unpack(archive, { wants: (name: string) => name === "b.txt" });
    expect(await readdir(at("out"))).toEqual(["b.txt"]);
  });

  test("leaves links out", async () => {
    await unpack(await packFolder({ "a.txt": "A" }, { link: "/etc/passwd" }));
    expect(await readdir(at("out"))).toEqual(["a.txt"]);
  });

  test.each(["package/../../evil", "package/../evil", "../evil", "/tmp/evil"])(
    "refuses a tarball with %s",
    async (name) => {
      const archive = await packEntry(name, "x");
      await expect(unpack(archive)).rejects.toThrow(/outside|'\.\.'|absolute|stripping/);
      await expect(readFile(at("evil"))).rejects.toThrow();
    },
  );

  test.each(["../evil", "a/../../evil", "/tmp/evil"])("refuses a wheel with %s", async (name) => {
    await expect(unpack(await packZip(name, "x"))).rejects.toMatchObject({
      code: "invalid_argument",
    });
  });

  test("refuses an archive that unpacks to more than the limit", async () => {
    const limits = { maxBytes: 10 };
    const message = { code: "resource_exhausted" };
    await expect(unpack(await packFolder({ a: "x".repeat(11) }), { limits })).rejects.toMatchObject(
      message,
    );
    await expect(unpack(await packZip("a", "x".repeat(11)), { limits })).rejects.toMatchObject(
      message,
    );
    await expect(
      unpack(await packFolder({ a: "x", b: "y" }), { limits: { maxFiles: 1 } }),
    ).rejects.toMatchObject(message);
  });

  test("refuses a wheel that holds more than it announces", async () => {
    await expect(unpack(await packZip("a", "x".repeat(5000), 10))).rejects.toMatchObject({
      code: "data_loss",
    });
  });

  test("refuses a tarball that is cut off, or is none", async () => {
    const archive = await packFolder({ "a.txt": "A".repeat(100_000) });
    await truncate(archive, 150);
    await expect(unpack(archive)).rejects.toMatchObject({ code: "data_loss" });
    await writeFile(at("none.tgz"), "no archive at all, only a line of text");
    await expect(unpack(at("none.tgz"))).rejects.toMatchObject({ code: "data_loss" });
    await writeFile(at("none.whl"), "no archive at all, only a line of text");
    await expect(unpack(at("none.whl"))).rejects.toMatchObject({ code: "data_loss" });
  });
});
