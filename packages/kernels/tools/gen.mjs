/**
 * Compiles the AssemblyScript kernels four times (relaxed or plain SIMD, shared memory or not) and writes their bytes as
 * base64 into src/gen/wasm.ts. The dispatcher is derived from the kernel table. `--check` compares instead of writing.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { main } from "assemblyscript/asc";
import { kernelNames, kernelTable } from "../src/kernel-table.ts";

const root = new URL("..", import.meta.url);
const target = new URL("src/gen/wasm.ts", root);

/** Writes the switch over operation codes: word 0 is the code, words 1 … are the arguments. */
function printDispatcher() {
  const byFile = Map.groupBy(kernelNames, (name) => kernelTable[name].file);
  const imports = [...byFile].map(
    ([file, names]) => `import { ${names.join(", ")} } from "../assembly/${file}";`,
  );
  const cases = kernelNames.map((name, index) => {
    const row = kernelTable[name];
    const values = row.arguments.map(
      ([, kind], at) =>
        `${kind === "pointer" ? "pointer" : "size"}(op, ${at + 1}${kind === "pointer" ? ", registers" : ""})`,
    );
    const call = `${name}${row.generic ? "<T>" : ""}(${values.join(", ")})`;
    return `    case ${index + 1}: ${row.endsProgram === true ? `return ${call};` : `${call}; break;`}`;
  });
  return `${imports.join("\n")}
import { pointer, size } from "../assembly/program";

export function dispatch<T>(op: usize, registers: usize): bool {
  switch (load<i32>(op)) {
${cases.join("\n")}
    default: unreachable();
  }
  return false;
}
`;
}

/** Throws when a build has static data: the whole memory belongs to the callers, and every thread would write it again. */
function assertNoStaticData(bytes) {
  for (let at = 8; at < bytes.length;) {
    const id = bytes[at++];
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      size |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    if (id === 11 && bytes[at] !== 0)
      throw new Error("a kernel uses static data, for example a table of the standard library");
    at += size;
  }
}

async function compile(dispatcher, { relaxed, shared }) {
  const outputs = new Map();
  const features = [
    "simd",
    "bulk-memory",
    "sign-extension",
    "nontrapping-f2i",
    "mutable-globals",
    ...(relaxed ? ["relaxed-simd"] : []),
    ...(shared ? ["threads"] : []),
  ];
  const { error, stderr } = await main(
    [
      "assembly/index.ts",
      "-o",
      "out.wasm",
      "-O3",
      "--noAssert",
      "--runtime",
      "stub",
      "--importMemory",
      "--noExportMemory",
      "--initialMemory",
      "1",
      "--maximumMemory",
      "65536",
      ...(shared ? ["--sharedMemory"] : []),
      ...features.flatMap((feature) => ["--enable", feature]),
    ],
    {
      readFile: async (name) => {
        const path = name.replaceAll("\\", "/");
        if (path.endsWith("build/dispatch.ts")) return dispatcher;
        return readFile(new URL(path, root), "utf8").catch(() => null);
      },
      writeFile: (name, bytes) => outputs.set(name, bytes),
      listFiles: () => [],
    },
  );
  if (error) throw new Error(`${error.message}\n${stderr.toString()}`);
  const bytes = Buffer.from(outputs.get("out.wasm"));
  assertNoStaticData(bytes);
  return bytes;
}

/** Returns the generated module. */
export async function printModule() {
  const dispatcher = printDispatcher();
  const parts = [];
  for (const [name, options] of [
    ["relaxedShared", { relaxed: true, shared: true }],
    ["relaxed", { relaxed: true, shared: false }],
    ["plainShared", { relaxed: false, shared: true }],
    ["plain", { relaxed: false, shared: false }],
  ]) {
    const bytes = await compile(dispatcher, options);
    parts.push(`  ${name}: "${bytes.toString("base64")}",`);
  }
  return `/** The kernels as WebAssembly, base64. Written by tools/gen.mjs from assembly/ and src/kernel-table.ts; not edited. */\nexport const wasmBase64 = {\n${parts.join("\n")}\n} as const;\n`;
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
