// For users.
export type {
  CompiledCircuit,
  CompileLevel,
  CompileOptions,
  CompileReport,
  PassReport,
} from "./compile.ts";
export { bindCompiled, compileCircuit } from "./compile.ts";
export type { DecouplingSequence } from "./decoupling.ts";
export { assertChipCircuit } from "./lower.ts";
export { nativeCircuit } from "./native-circuit.ts";
export type {
  ChipExecution,
  ChipJob,
  ChipPlan,
  ChipPlanRequest,
  PackingOptions,
  PlannedItem,
  PlannedPlace,
} from "./plan.ts";
export { planChipJobs, planChipSeconds } from "./plan.ts";
export type { PackingPicture } from "./draw-packing.ts";
export { drawPacking } from "./draw-packing.ts";
export type { AnsatzOnChip, AnsatzReport, AnsatzReportOptions } from "./ansatz-report.ts";
export { printAnsatzReport, reportAnsatz } from "./ansatz-report.ts";

// For other packages.
export type { PackItem, PackProblem, PackedItem, Place, Round } from "./packing.ts";
export { packRounds } from "./packing.ts";
export type { CircuitPlace, PlaceOptions } from "./places.ts";
export { listPlaces } from "./places.ts";
export type { Coupling, CouplerCost, QubitCost } from "./coupling.ts";
export { createCoupling } from "./coupling.ts";
export { couplingOf } from "./chip-coupling.ts";
export type { NativeTemplate, OpenSchedule, TemplateStep } from "./template.ts";
export { bindTemplate, openSchedule } from "./template.ts";
export type { ParameterLookup } from "./work.ts";
