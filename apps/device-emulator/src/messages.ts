/** Chips, calibrations and plans as messages of the device contract. */
import {
  type CalibrationSnapshot,
  type ChipModel,
  newestSnapshot,
  printChipCalibration,
} from "@qtune/chip";
import { deviceV1 } from "@qtune/contracts";
import { type PlannedBatch, maxOperationsOf } from "./compute/chip-work.ts";

/** Name of the device of a chip. */
export function deviceName(chip: ChipModel): string {
  return `devices/${chip.name}`;
}

/** Name of a calibration of a chip. */
export function calibrationName(chip: ChipModel, snapshotId: string): string {
  return `${deviceName(chip)}/calibrations/${snapshotId}`;
}

/** What a device message says beside the chip. */
export interface DeviceFacts {
  readonly state: deviceV1.DeviceState;
  readonly clock: deviceV1.ClockMode;
  readonly queue: deviceV1.QueueInfo;
  readonly maxQubits: number;
  readonly maxRows: number;
}

/** Returns the message of a device. */
export function deviceToWire(chip: ChipModel, facts: DeviceFacts): deviceV1.Device {
  const snapshot = newestSnapshot(chip);
  const live = new Set(snapshot.couplers.map(({ a, b }) => `${a}-${b}`));
  return deviceV1.Device.fromPartial({
    name: deviceName(chip),
    displayName: chip.title,
    state: facts.state,
    calibration: calibrationName(chip, snapshot.id),
    description: {
      name: deviceName(chip),
      maxQubits: facts.maxQubits,
      maxOperations: maxOperationsOf(chip),
      maxRows: facts.maxRows,
      shots: { min: chip.limits.minShots, max: chip.limits.maxShots },
      exact: false,
      seedable: true,
      adjoint: false,
    },
    qubits: chip.topology.qubits,
    liveQubits: snapshot.qubits.map(({ id }) => id),
    couplers: chip.topology.couplers.map(({ a, b }) => ({ a, b, live: live.has(`${a}-${b}`) })),
    nativeGates: chip.nativeGates.map(({ name }) => name),
    circuitsPerJob: chip.limits.maxCircuitsPerJob,
    clock: facts.clock,
    queue: facts.queue,
    synthetic: snapshot.kind === "synthetic" || snapshot.kind === "ideal",
  });
}

/** How much of a calibration a message carries. */
export interface CalibrationParts {
  readonly effectiveMs: number;
  readonly values: boolean;
  readonly document: boolean;
}

/** Returns the message of a calibration. */
export function calibrationToWire(
  chip: ChipModel,
  snapshot: CalibrationSnapshot,
  parts: CalibrationParts,
): deviceV1.Calibration {
  const quantity = (entry: QuantityEntry | undefined): deviceV1.Quantity | undefined =>
    entry === undefined
      ? undefined
      : {
          value: entry.value,
          standardError: entry.error,
          method: entry.method,
          measureTime: toDate(entry.time),
        };
  return {
    name: calibrationName(chip, snapshot.id),
    snapshotId: snapshot.id,
    calibrateTime: toDate(snapshot.calibratedAt),
    effectiveTime: new Date(parts.effectiveMs),
    source: snapshot.source,
    synthetic: snapshot.kind === "synthetic" || snapshot.kind === "ideal",
    qubits: !parts.values
      ? []
      : snapshot.qubits.map(({ id, values }) => ({
          id,
          frequencyMhz: quantity(values.frequencyMhz),
          t1Us: quantity(values.t1Us),
          t2Us: quantity(values.t2Us),
          t2EchoUs: quantity(values.tEchoUs),
          singleQubitFidelity: quantity(values.singleQubitFidelity),
          readoutF0: quantity(values.readoutF0),
          readoutF1: quantity(values.readoutF1),
        })),
    couplers: !parts.values
      ? []
      : snapshot.couplers.map(({ a, b, values }) => ({
          a,
          b,
          czFidelity: quantity(values.czFidelity),
        })),
    documentJson: parts.document ? printChipCalibration(chip, snapshot) : "",
  };
}

interface QuantityEntry {
  readonly value: number;
  readonly error?: number;
  readonly method: string;
  readonly time: string;
}

function toDate(text: string): Date | undefined {
  const milliseconds = Date.parse(text);
  return Number.isNaN(milliseconds) ? undefined : new Date(milliseconds);
}

/** Regions of a placement that a message lists; a plan of one shape on 72 qubits has about twenty. */
const maxRegions = 200;

/** Returns the message of a placement. */
export function placementOf({
  plan,
  drift,
  durationNs,
  nativeOriginIr,
}: PlannedBatch): deviceV1.Placement {
  const regions = (plan.places[0] ?? []).slice(0, maxRegions);
  return {
    snapshotId: plan.snapshotId,
    driftSeconds: drift?.seconds ?? 0,
    driftSeed: BigInt(drift?.seed ?? 0),
    seed: plan.seed,
    regions: regions.map(({ qubits, layout, predictedFidelity }) => ({
      qubits: [...(layout ?? qubits)].map((qubit) => Math.max(0, qubit)),
      predictedFidelity,
    })),
    durationNs,
    nativeOriginir: nativeOriginIr,
  };
}
