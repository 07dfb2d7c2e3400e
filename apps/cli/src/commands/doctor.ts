import { existsSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Command } from "commander";
import { defineAction } from "../command.ts";
import { printBytes } from "../output.ts";

/** One thing that QTune can use, whether it works here, and if not, why and what to do. */
interface Finding {
  readonly name: string;
  readonly works: boolean;
  readonly needed: boolean;
  readonly detail: string;
}

/** Adds `qtune doctor`: what works on this machine and why not. */
export function addDoctor(program: Command, signal: AbortSignal): void {
  const command = program
    .command("doctor")
    .description("say what works on this machine, and why not");
  defineAction(command, signal, async (_, __, { output }) => {
    const findings = [
      checkNode(),
      checkMemory(),
      checkThreads(),
      await checkOnnxRuntime(),
      ...(await checkProviders()),
      checkSimd(),
      checkData(),
    ];
    const broken = findings.filter((finding) => finding.needed && !finding.works);
    output.result({ findings, ok: broken.length === 0 }, () =>
      findings.map(printFinding).join("\n"),
    );
    if (broken.length > 0) process.exitCode = 1;
  });
}

function printFinding(finding: Finding): string {
  const mark = finding.works ? "ok  " : finding.needed ? "FAIL" : "no  ";
  return `${mark} ${finding.name.padEnd(22)} ${finding.detail}`;
}

function checkNode(): Finding {
  const major = Number(process.versions.node.split(".")[0]);
  return {
    name: "Node",
    works: major >= 24,
    needed: true,
    detail: `${process.version} on ${process.platform}-${process.arch}${major >= 24 ? "" : "; 24 or newer is needed"}`,
  };
}

function checkMemory(): Finding {
  const free = os.freemem();
  return {
    name: "memory",
    works: free > 3e9,
    needed: false,
    detail: `${printBytes(free)} free of ${printBytes(os.totalmem())}; the quickstart needs up to 3 GB`,
  };
}

function checkThreads(): Finding {
  const shared = typeof SharedArrayBuffer === "function";
  return {
    name: "threads",
    works: shared,
    needed: false,
    detail: `${os.availableParallelism()} cores, shared memory ${shared ? "is there" : "is missing: kernels run on one thread"}`,
  };
}

async function checkOnnxRuntime(): Promise<Finding> {
  try {
    const { runtimeProviders } = await import("@qtune/graph");
    const names = runtimeProviders().map((provider) => provider.name);
    return {
      name: "onnxruntime",
      works: names.includes("cpu"),
      needed: true,
      detail: `providers in the binary: ${names.join(", ")}`,
    };
  } catch (error) {
    return {
      name: "onnxruntime",
      works: false,
      needed: true,
      detail: `does not load (${String((error as Error).message)}); there is no binary for Intel Macs`,
    };
  }
}

async function checkProviders(): Promise<Finding[]> {
  try {
    const { probeProviders } = await import("@qtune/graph");
    const probed = await probeProviders();
    return probed.map((probe) => ({
      name: `provider ${probe.name}`,
      works: probe.works,
      needed: false,
      detail: probe.detail,
    }));
  } catch (error) {
    return [
      { name: "providers", works: false, needed: false, detail: String((error as Error).message) },
    ];
  }
}

function checkSimd(): Finding {
  // (module (func (result v128) i32.const 0 i8x16.splat)) and the same with a relaxed instruction.
  const plain = Uint8Array.of(
    0,
    97,
    115,
    109,
    1,
    0,
    0,
    0,
    1,
    5,
    1,
    96,
    0,
    1,
    123,
    3,
    2,
    1,
    0,
    10,
    8,
    1,
    6,
    0,
    65,
    0,
    253,
    15,
    11,
  );
  const relaxed = Uint8Array.of(
    0,
    97,
    115,
    109,
    1,
    0,
    0,
    0,
    1,
    5,
    1,
    96,
    0,
    1,
    123,
    3,
    2,
    1,
    0,
    10,
    15,
    1,
    13,
    0,
    65,
    1,
    253,
    15,
    65,
    2,
    253,
    15,
    253,
    128,
    2,
    11,
  );
  const hasPlain = WebAssembly.validate(plain);
  const hasRelaxed = WebAssembly.validate(relaxed);
  const detail = hasRelaxed
    ? "SIMD with relaxed multiply-add"
    : hasPlain
      ? "plain SIMD (no relaxed multiply-add)"
      : "no SIMD: kernels run as plain TypeScript, much slower";
  return { name: "WebAssembly", works: hasPlain, needed: false, detail };
}

function checkData(): Finding {
  const folder = path.resolve(process.env["QTUNE_DATA"] ?? "../shared/data");
  const found = existsSync(folder);
  return {
    name: "test data",
    works: found,
    needed: false,
    detail: found ? folder : `no folder ${folder}; set QTUNE_DATA (only tests need it)`,
  };
}
