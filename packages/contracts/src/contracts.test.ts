import { execFileSync } from "node:child_process";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import {
  circuitV1,
  deviceV1,
  fileDescriptorSetBase64,
  layerV1,
  simulatorV1,
  trainingV1,
} from "./index.ts";

const root = resolve(import.meta.dirname, "../../..");

function runInRoot(command: string, ...args: string[]): string {
  return execFileSync(command, args, { cwd: root, encoding: "utf8", stdio: "pipe" });
}

const buf = resolve(root, "node_modules/.bin/buf");

describe("the contracts", () => {
  test("are what the generator makes of the .proto files", () => {
    expect(runInRoot(process.execPath, "packages/contracts/tools/gen.mjs", "--check")).toBe("");
  });

  test("are clean by buf lint", () => {
    expect(runInRoot(buf, "lint")).toBe("");
  });

  test("break nothing of the baseline", () => {
    expect(runInRoot(buf, "breaking", "proto", "--against", "proto/v1.baseline.binpb")).toBe("");
  });
});

const services = [
  deviceV1.DeviceServiceService,
  simulatorV1.SimulatorServiceService,
  layerV1.QuantumLayerServiceService,
  trainingV1.TrainerServiceService,
  trainingV1.TrainingSessionServiceService,
];

describe.each(services.map((service) => ({ service })))("service definition %#", ({ service }) => {
  test("has every method in the descriptors that reflection serves", () => {
    const descriptors = Buffer.from(fileDescriptorSetBase64, "base64").toString("latin1");
    const names = Object.values(service).map((method) => method.path.split("/").at(-1) ?? "");
    expect(names.filter((name) => !descriptors.includes(name))).toEqual([]);
  });
});

test("a batch keeps its bytes, optional numbers and 64-bit seed on the wire", () => {
  const options = circuitV1.RunOptions.fromPartial({ shots: 0, seed: 0xffff_ffff_ffff_ffffn });
  expect(circuitV1.RunOptions.decode(circuitV1.RunOptions.encode(options).finish())).toEqual(
    options,
  );
  const batch = circuitV1.CircuitBatch.fromPartial({
    rows: 2,
    rowValues: Buffer.from(new Float64Array([1, -0.5]).buffer),
    structure: { form: { $case: "circuit", value: { qubits: 1, operations: [{}] } } },
  });
  expect(circuitV1.CircuitBatch.decode(circuitV1.CircuitBatch.encode(batch).finish())).toEqual(
    batch,
  );
});

test("an absent number differs from zero", () => {
  const absent = circuitV1.RunOptions.decode(
    circuitV1.RunOptions.encode(circuitV1.RunOptions.fromPartial({})).finish(),
  );
  expect(absent.shots).toBeUndefined();
  expect(absent.seed).toBeUndefined();
});
