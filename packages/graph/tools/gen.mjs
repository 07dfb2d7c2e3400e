/**
 * Compiles the AssemblyScript of assembly/ and writes its bytes as base64 into src/gen/wasm.ts. `--check` compares instead of
 * writing.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { main } from "assemblyscript/asc";

const root = new URL("..", import.meta.url);
const target = new URL("src/gen/wasm.ts", root);

/** Returns the generated module. */
async function printModule() {
  let bytes;
  const options = ["-O3", "--noAssert", "--runtime", "stub", "--importMemory", "--noExportMemory"];
  const features = ["simd", "bulk-memory", "sign-extension", "nontrapping-f2i"];
  const { error, stderr } = await main(
    [
      "assembly/quantise.ts",
      "-o",
      "out.wasm",
      ...options,
      ...features.flatMap((feature) => ["--enable", feature]),
    ],
    {
      readFile: (name) =>
        readFile(new URL(name.replaceAll("\\", "/"), root), "utf8").catch(() => null),
      writeFile: (_, written) => (bytes = written),
      listFiles: () => [],
    },
  );
  if (error) throw new Error(`${error.message}\n${stderr.toString()}`);
  const text = Buffer.from(bytes).toString("base64");
  return `/** The quantiser as WebAssembly, base64. Written by tools/gen.mjs from assembly/; not edited. */\nexport const wasmBase64 =\n  "${text}";\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = await printModule();
  if (process.argv.includes("--check")) {
    if ((await readFile(target, "utf8")) !== text)
      throw new Error("src/gen/wasm.ts is not what assembly/ compiles to; run the gen script");
  } else {
    await mkdir(new URL(".", target), { recursive: true });
    await writeFile(target, text);
  }
}
