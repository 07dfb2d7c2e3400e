// For users.
export {
  type DeviceEmulator,
  type DeviceEmulatorOptions,
  serviceNames,
  startDeviceEmulator,
} from "./device-emulator.ts";
export { type ClockMode } from "./engine.ts";
export { type Faults } from "./faults.ts";
