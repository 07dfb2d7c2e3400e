import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { openCircuit } from "./circuit-argument.ts";

const folder = mkdtempSync(path.join(tmpdir(), "qtune-circuit-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

test("a file includes what lies beside it", async () => {
  write("mine.inc", "gate twice a { U(0,0,pi) a; U(0,0,pi) a; }\n");
  const file = write("a.qasm", 'OPENQASM 2.0;\ninclude "mine.inc";\nqreg q[1];\ntwice q[0];\n');
  const { circuit, format } = await openCircuit(file, {});
  expect(format).toBe("qasm2");
  expect(circuit.definitions?.map((one) => one.name)).toEqual(["twice"]);
});

test.each(["nowhere.inc", "../outside.inc", "/etc/hostname", "."])(
  "the include %s is refused with its place",
  async (include) => {
    const file = write("b.qasm", `OPENQASM 2.0;\ninclude "${include}";\nqreg q[1];\n`);
    await expect(openCircuit(file, {})).rejects.toThrow(/b\.qasm:2:9: include: expected one of/);
  },
);
