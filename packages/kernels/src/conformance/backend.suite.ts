/** What every backend must do, run on each of them against the reference kernels. */
import { createRandom } from "@qtune/base";
import { describe, expect, test } from "vitest";
import type { Backend, Precision } from "../backend.ts";
import { bytesOf } from "../backend.ts";
import { type KernelName, kernelNames, kernelTable } from "../kernel-table.ts";
import { encodeProgram } from "../program.ts";
import { createReferenceBackend } from "../reference-backend.ts";

const n = 5;
const W = 8;
const amps = 2 ** n;
const programAt = 8192;
const dataAt = 16384;
const dataBytes = 1 << 17;

/** One call with arguments that make sense for a state of 5 qubits and 8 rows. Every buffer has a place of its own. */
function sampleCall(
  name: KernelName,
  precision: Precision,
  variant: number,
): Record<string, number> {
  const size = bytesOf(precision);
  const rowBytes = W * size;
  let next = dataAt;
  const buffer = (bytes: number): number => {
    const at = next;
    next += Math.ceil(bytes / 16) * 16;
    return at;
  };
  const stateBytes = 2 * amps * rowBytes;
  const values: Record<string, () => number> = {
    plane: () => amps * rowBytes,
    amps: () => amps,
    rowBytes: () => rowBytes,
    W: () => W,
    half: () => amps / 2,
    inverse: () => variant % 2,
    conjugate: () => variant % 2,
    parts: () => 1 + (variant % 2),
    qubit: () => variant % n,
    qubit0: () => variant % 2,
    qubit1: () => 2,
    qubit2: () => 3 + (variant % 2),
    step: () => (variant % 2) * 16,
    step0: () => (variant % 2) * 16,
    step1: () => 0,
    step2: () => 16,
    k: () => 1 + (variant % 3),
    controlMask: () => (variant % 3 === 0 ? 0 : 0b10000),
    controlValue: () => (variant % 3 === 0 ? 0 : (variant % 2) * 0b10000),
    count: () => (name === "contract" ? 4 : 5),
    blocks: () => 3,
    width: () => 3,
    xMask: () => [0, 0b00101, 0b10010][variant % 3]!,
    zMask: () => 0b00110,
    phase: () => variant % 4, // three masks
    byteCount: () => 256,
    n: () => n,
    mask: () => 0b101,
    number: () => 7 + variant,
    vectors: () => 32,
    flips: () => (size === 4 ? [1, 2, 4][variant % 3]! : 1 + (variant % 2)), // three numbers
    outer: () => 2,
    outerMask: () => 16,
    outerValue: () => 16 * (variant % 2),
    tilePlane: () => 512,
    chunkBytes: () => 64,
    chunks: () => 4,
    bits: () => 3,
  };
  const given: Record<string, number> = {};
  for (const [argument, kind] of kernelTable[name].arguments) {
    given[argument] =
      argument === "tile"
        ? 16 * variant
        : kind === "pointer"
          ? buffer(4 * stateBytes)
          : values[argument]!(); // a size without a rule fails here
  }
  return given;
}

/** Fills the memory of both backends with the same numbers, and integer tables where the call needs them. */
function fillMemory(
  backends: readonly Backend[],
  name: KernelName,
  precision: Precision,
  given: Record<string, number>,
): void {
  const random = createRandom(1, name, precision);
  const size = bytesOf(precision);
  const numbers = Float64Array.from(
    { length: dataBytes / size },
    () => 2 * random.nextUniform() - 1,
  );
  for (const backend of backends) {
    (size === 4
      ? backend.float32(dataAt, numbers.length)
      : backend.float64(dataAt, numbers.length)
    ).set(numbers);
    for (const argument of ["angles", "coefficient"]) {
      if (given[argument] !== undefined)
        backend.float64(given[argument], 64).set(numbers.subarray(0, 64).map((x) => 20 * x));
    }
    const shared = Object.keys(given).filter(
      (argument) =>
        /^(coefficients\d?|d)$/.test(argument) && given[`step${argument.replace(/\D+/, "")}`] === 0,
    );
    for (const argument of shared) splatVectors(backend, precision, given[argument]!); // a key of `given`
    fillTrajectoryTables(backend, name, given);
    fillLaneTables(backend, name, given);
    if (name === "multiplyRowPhase")
      backend
        .int32(given["signs"]!, amps)
        .set(Int32Array.from({ length: amps }, (_, i) => (i % 3) - 1)); // its argument
    if (name === "permute")
      backend
        .uint32(given["table"]!, amps)
        .set(Uint32Array.from({ length: amps }, (_, i) => (i * 5 + 3) % amps)); // its argument
    if (given["qubits"] !== undefined && kernelTable[name].file !== "lanes")
      backend.int32(given["qubits"], 4).set([2, 0, 3, 1]);
    if (name === "evaluateAngles" || name === "combineGradients") {
      backend.float64(given["rows"] ?? given["gradients"]!, 64).set(numbers.subarray(0, 64)); // one of the two is there
      const constant = name === "evaluateAngles" ? [0.5] : [];
      const row = [...constant, 2, 0.25, 1, -3, 2];
      backend
        .float64(given["table"]!, row.length * 5)
        .set([...row, ...row, ...row, ...row, ...row]);
      if (name === "combineGradients" && size === 4)
        backend.float32(given["gradients"]!, 64).set(numbers.subarray(0, 64));
    }
    if (name === "sumRows") backend.float64(given["rows"]!, 64).set(numbers.subarray(0, 64)); // its argument
    if (name === "readRows") backend.float64(given["values"]!, 64).set(numbers.subarray(0, 64)); // its argument
  }
}

/** Tables of the trajectory kernels: probabilities large enough that every site hits rows. */
function fillTrajectoryTables(
  backend: Backend,
  name: KernelName,
  given: Record<string, number>,
): void {
  const set = (argument: string, values: readonly number[]): void => {
    const at = given[argument];
    if (at !== undefined && kernelTable[name].file === "trajectory") {
      backend.float64(at, values.length).set(values);
    }
  };
  const rows = Array.from({ length: 64 }, (_, i) => 0.01 * Math.sin(i));
  set("delta", rows);
  set(
    "pending",
    Array.from({ length: 5 }, (_, qubit) => [100 + qubit, 0.3 * qubit, 0.9 + 0.01 * qubit]).flat(),
  );
  set("sigmas", [0.01, 0.02, 0.03, 0.04, 0.05]);
  set("turn", [0.6, 0.8]);
  set("factor", [0.8, -0.6]);
  set(
    "weights",
    Array.from({ length: 32 }, (_, i) => 1 + 0.1 * i),
  );
  set("readout", [3, 1, 0, 0.1, 0.2, 3, 0.05, 0.3, 4, 0, 0.1, 0, 2, 0.25]);
  const log = 1 / Math.log1p(-0.4);
  const none = Math.exp(W / log) * (1 - 1e-9);
  if (name === "pauliSite") set("site", [0.4, log, 3, none, 0.3, 1, 0, 0.6, 2, 3, 1, 3, 1]);
  if (name === "jumpSite")
    set("site", [
      0.4,
      log,
      2,
      none,
      0.9,
      0.1,
      0,
      0,
      0.3,
      0.1,
      0,
      0,
      0,
      0,
      0.1,
      0,
      0.2,
      0,
      0,
      0,
      0.3,
      0.2,
    ]);
  if (given["key"] !== undefined) backend.uint32(given["key"], 2).set([123, 456]);
}

/** Tables of the kernels for one state: some entries of a phase table are the identity. */
function fillLaneTables(backend: Backend, name: KernelName, given: Record<string, number>): void {
  if (kernelTable[name].file !== "lanes") return;
  const set = (argument: string, values: readonly number[]): void => {
    const at = given[argument];
    if (at !== undefined) backend.int32(at, values.length).set(values);
  };
  set("qubits", given["k"] === 1 ? [3] : [0, 2, 3]);
  set("laneMasks", [0, 1, 2, 3]);
  set("outerQubits", [4, 5]);
  set("offsets", [3, 0, 2, 5]);
  if (name === "laneSparse") {
    let at = given["rows"] ?? 0;
    for (let row = 0; row < 8; row++) {
      const count = row % 3;
      backend.uint32(at, 1)[0] = count;
      for (let term = 0; term < count; term++)
        backend.uint32(at + 16 + 48 * term, 1)[0] = (row + term) % 2;
      at += 16 + 48 * count;
    }
  }
  const table = given["table"];
  for (let entry = 0; table !== undefined && entry < 32; entry++) {
    backend.int32(table + 48 * entry, 1)[0] = entry % 3;
  }
}

/** Makes every 16-byte vector of a shared table hold one value. */
function splatVectors(backend: Backend, precision: Precision, at: number): void {
  const view = precision === "float32" ? backend.float32(at, 1024) : backend.float64(at, 512);
  const lanes = 16 / bytesOf(precision);
  for (let i = 0; i < view.length; i++) view[i] = view[i - (i % lanes)]!; // inside the view
}

/** Bytes behind `dataAt` as the numbers that the kernel wrote. */
function readNumbers(backend: Backend, precision: Precision): Float64Array {
  return precision === "float32"
    ? Float64Array.from(backend.float32(dataAt, dataBytes / 4))
    : backend.float64(dataAt, dataBytes / 8).slice();
}

/** Runs the suite on one backend. */
export function describeBackend(title: string, create: () => Backend): void {
  describe(title, () => {
    describe.each(["float32", "float64"] as const)("%s", (precision) => {
      test.each(kernelNames)("%s agrees with the reference", async (name) => {
        const backend = create();
        const reference = createReferenceBackend();
        const both = [backend, reference];
        for (const one of both) one.reserve(dataAt + dataBytes);
        const epsilon = precision === "float32" ? 2 ** -23 : 2 ** -52;
        for (let variant = 0; variant < 6; variant++) {
          const given = sampleCall(name, precision, variant);
          fillMemory(both, name, precision, given);
          const program = encodeProgram([{ kernel: name, arguments: given }]);
          for (const one of both) {
            one.uint32(programAt, program.length).set(program);
            one.run(precision, programAt, 1, new Uint32Array(16));
          }
          const compare = (a: Float64Array, b: Float64Array): number => {
            const scratch = given["scratch"] ?? Number.POSITIVE_INFINITY;
            const size = dataBytes / a.length;
            return a.reduce((worst, x, i) => {
              const inScratch = dataAt + i * size >= scratch && dataAt + i * size < scratch + 4096;
              return inScratch || Object.is(x, b[i])
                ? worst
                : Math.max(worst, Math.abs(x - b[i]!) / Math.max(1, Math.abs(x))); // same length
            }, 0);
          };
          const allowed = kernelTable[name].toleranceUlps * epsilon;
          const wide =
            kernelTable[name].arguments.some(([argument]) => ["rows", "out"].includes(argument)) &&
            !isAmplitudeOutput(name);
          const got = wide
            ? compare(readNumbers(backend, "float64"), readNumbers(reference, "float64"))
            : compare(readNumbers(backend, precision), readNumbers(reference, precision));
          expect(got, `variant ${variant}`).toBeLessThanOrEqual(allowed);
        }
        await backend.close();
        await reference.close();
      });
    });

    test("refuses to run after it was closed", async () => {
      const backend = create();
      await backend.close();
      expect(() => backend.reserve(1 << 20)).toThrow(/closed/);
    });
  });
}

/** Whether the output of a kernel has the type of the amplitudes rather than float64. */
function isAmplitudeOutput(name: KernelName): boolean {
  return ![
    "evaluateAngles",
    "writeRows",
    "combineGradients",
    "sumRows",
    "drawDetunings",
    "blockWeights",
    "blockWeights",
  ].includes(name);
}
