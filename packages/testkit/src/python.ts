import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** A Python of our own with some packages, or why there is none. */
export type FoundPython =
  | { readonly python: string; readonly reason?: undefined }
  | { readonly python?: undefined; readonly reason: string };

/**
 * Makes a virtual environment outside the repository with packages from PyPI, once per machine.
 *
 * Effect: writes to the folder for temporary files; keeps what it made between runs.
 * Cost:   a minute the first time.
 */
export function findPython(name: string, packages: readonly string[], probe: string): FoundPython {
  const environment = path.join(tmpdir(), `qtune-python-${name}`);
  const python = path.join(environment, "bin", "python");
  const works = (): boolean => {
    try {
      execFileSync(python, ["-c", probe], { stdio: "pipe" });
      return true;
    } catch {
      return false;
    }
  };
  if (existsSync(python) && works()) return { python };
  try {
    execFileSync("python3", ["-m", "venv", environment], { stdio: "pipe" });
    execFileSync(python, ["-m", "pip", "install", "-q", ...packages], {
      stdio: "pipe",
      timeout: 180_000,
    });
  } catch (error) {
    return { reason: `no Python with ${packages.join(", ")}: ${String(error).split("\n")[0]}` };
  }
  return works()
    ? { python }
    : { reason: `Python installed ${packages.join(", ")} but cannot run: ${probe}` };
}

/** Compiles `.proto` folders for Python into a folder. `python` needs grpcio-tools. */
export function compileProto(
  python: string,
  options: {
    readonly protoRoot: string;
    readonly files: readonly string[];
    readonly output: string;
  },
): void {
  const { protoRoot, files, output } = options;
  execFileSync(
    python,
    [
      "-m",
      "grpc_tools.protoc",
      "-I",
      protoRoot,
      `--python_out=${output}`,
      `--grpc_python_out=${output}`,
      ...files,
    ],
    { stdio: "pipe" },
  );
}
