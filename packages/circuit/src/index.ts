// For users.
export type {
  AssignOperation,
  BarrierOperation,
  Circuit,
  Condition,
  Control,
  DelayOperation,
  GateDefinition,
  GateOperation,
  IfOperation,
  MeasureOperation,
  Operation,
  Parameter,
  PhaseOperation,
  Register,
  ResetOperation,
  SwitchOperation,
  UnitaryOperation,
  WhileOperation,
} from "./circuit.ts";
export { parameterNames } from "./circuit.ts";
export type { AffineAngle, Angle, AngleTerm } from "./angle.ts";
export { addAngles, evaluateAngle, isBoundAngle, parameterAngle, scaleAngle } from "./angle.ts";
export type { Observable, Pauli, PauliTerm } from "./observable.ts";
export { allPauliZ, pauliZ } from "./observable.ts";
export type {
  BatchGradient,
  BatchResult,
  CircuitBatch,
  Counts,
  ExecutionUsage,
  Executor,
  ExecutorDescription,
  ExecutorEstimate,
  RunOptions,
} from "./executor.ts";
