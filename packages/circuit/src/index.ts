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
export {
  addAngles,
  evaluateAngle,
  isBoundAngle,
  maxAngle,
  parameterAngle,
  scaleAngle,
} from "./angle.ts";
export { printGateReference } from "./gate-reference.ts";
export { type CircuitBuilder, circuitBuilder } from "./builder.ts";
export { bindCircuit, type ParameterValues } from "./bind.ts";
export type { Observable, Pauli, PauliTerm } from "./observable.ts";
export { allPauliZ, parseObservable, pauliZ, printObservable } from "./observable.ts";
export { ringAnsatz, type RingAnsatzOptions, ringWeightCount } from "./ansatz/ring.ts";
export type {
  Decomposition,
  Gate,
  GateFormat,
  GateStep,
  GateUse,
  ShiftRule,
  Spelling,
} from "./gate.ts";
export {
  findGate,
  findSpelling,
  type GateAngles,
  type GateName,
  type GateQubits,
  gateTable,
} from "./gate-table.ts";
export { assertCircuit, type CircuitLimits, validateCircuit } from "./validate.ts";
export { detectOriginirDialect, type OriginirOptions, parseOriginir } from "./originir/parse.ts";
export {
  type OriginirDialect,
  type OriginirPrintOptions,
  printOriginir,
} from "./originir/print.ts";
export {
  activeQubits,
  areEquivalent,
  circuitDepth,
  circuitStats,
  type CircuitStats,
  connectedComponents,
  type EquivalenceOptions,
  lightCone,
} from "./analysis.ts";
export {
  amplitudeEncoding,
  angleEncoding,
  type Entanglement,
  ghz,
  hardwareEfficientAnsatz,
  type HardwareEfficientOptions,
  type IsingCost,
  multiplexedRotation,
  qaoaAnsatz,
  qft,
  randomCircuit,
  type RandomCircuitOptions,
  stronglyEntanglingAnsatz,
} from "./ansatz/library.ts";
export { drawCircuit, type DrawOptions } from "./draw/draw.ts";
export {
  cancelInverses,
  fuseOneQubitRuns,
  mergeRotations,
  optimizeCircuit,
  removeDeadOperations,
  removeIdentities,
  removeIdleQubits,
} from "./passes.ts";
export { circuitJsonSchema, parseCircuitJson, printCircuitJson } from "./json.ts";
export { type JsonTextOptions, parseJsonText } from "./text/parse-json.ts";
export { parseQasm3, type Qasm3Options } from "./qasm3/lower.ts";
export { printQasm3 } from "./qasm3/print.ts";
export { parseQasm3Syntax, type SyntaxItem, type SyntaxNode } from "./qasm3/syntax.ts";
export {
  type CircuitFormat,
  circuitFormats,
  detectFormat,
  printCircuit,
  readCircuit,
  type ReadCircuitOptions,
  type ReadCircuitResult,
} from "./read.ts";
export { parseQasm2, type Qasm2Options } from "./qasm2/parse.ts";
export { printQasm2 } from "./qasm2/print.ts";
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

// For other packages.
export {
  conditionClbits,
  isDiagonal,
  operationClbits,
  operationQubits,
  restrictQubits,
} from "./analysis.ts";
export { equalAngles, substituteAngle } from "./angle.ts";
export { instantiate } from "./bind.ts";
export { expandCircuit, type ExpandOptions } from "./expand.ts";
export { circuitFingerprint } from "./fingerprint.ts";
export {
  adjointMatrix,
  controlledMatrix,
  identityMatrix,
  type Matrix,
  matrixDistance,
  matrixFrom,
  multiplyMatrices,
  phaseMatrix,
  relativePhase,
  unitarityError,
} from "./matrix.ts";
export { bitsValue, holds, referenceDistribution } from "./reference-run.ts";
export { mapAngles, moveOperation, withControls } from "./rewrite.ts";
export { sha256 } from "./sha256.ts";
export { eulerAngles, twoLevelFactors } from "./synthesis.ts";
export {
  applyMatrixReferenceInPlace,
  applyUnitaryReferenceInPlace,
  circuitUnitary,
  createReferenceState,
  gateMatrix,
  type StateVector,
} from "./unitary.ts";
export { unitaryPower } from "./unitary-power.ts";
