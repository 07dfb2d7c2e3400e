import { QtuneError } from "@qtune/base";
import type { Circuit, Counts } from "@qtune/circuit";
import { runChipCircuit } from "@qtune/emulator";
import { createRemoteExecutor } from "@qtune/rpc";
import { exactDistribution, sampleCircuit } from "@qtune/simulator";
import { openChip } from "../chip-argument.ts";
import type { CommandContext } from "../command.ts";
import { type ReadOptions, openCircuit } from "../circuit-argument.ts";

/** Options of `qtune circuit run`. */
export interface RunCircuitOptions extends ReadOptions {
  readonly shots?: number;
  readonly seed?: bigint;
  readonly precision: "f64" | "f32";
  readonly top?: number;
  readonly chip?: string;
  readonly layout: "auto" | "physical";
  readonly target?: string;
}

/** Runs a circuit the way its options say and writes the result. */
export async function runCircuitCommand(
  file: string,
  options: RunCircuitOptions,
  context: CommandContext,
): Promise<void> {
  const { circuit } = await openCircuit(file, options);
  if (circuit.parameters.length > 0) {
    throw new QtuneError(
      "invalid_argument",
      `expected a circuit without open parameters but it has ${circuit.parameters.map((parameter) => parameter.name).join(", ")}`,
      { where: file },
    );
  }
  if (options.target !== undefined) return runRemote(circuit, options.target, options, context);
  if (options.chip !== undefined) return runOnChip(circuit, options.chip, options, context);
  return runExact(circuit, options, context);
}

async function runExact(
  circuit: Circuit,
  options: RunCircuitOptions,
  { output, signal }: CommandContext,
): Promise<void> {
  const precision = options.precision === "f64" ? "float64" : "float32";
  const sizes = { qubits: circuit.qubits, clbits: circuit.clbits };
  if (options.shots === undefined) {
    const probabilities = await exactDistribution(circuit, { precision, signal });
    writeDistribution(sizes, probabilities, options.top, output);
    return;
  }
  const seed = options.seed ?? drawSeed();
  const counts = await sampleCircuit(circuit, { shots: options.shots, seed, precision, signal });
  writeCounts({ ...sizes }, counts, { shots: options.shots, seed }, options.top, output);
}

async function runOnChip(
  circuit: Circuit,
  name: string,
  options: RunCircuitOptions,
  { output, signal }: CommandContext,
): Promise<void> {
  const chip = await openChip(name, output);
  const { shots } = options;
  const seed = options.seed ?? drawSeed();
  const result = await runChipCircuit(circuit, {
    chip,
    layout: options.layout,
    seed,
    signal,
    ...(shots === undefined ? {} : { shots }),
  });
  const { compiled } = result;
  const head = {
    qubits: circuit.qubits,
    clbits: circuit.clbits,
    chip: chip.name,
    snapshot: compiled.snapshotId,
    layout: compiled.layout.initial,
    region: compiled.region,
    predictedFidelity: compiled.predictedFidelity,
  };
  if (shots === undefined)
    writeDistribution(head, result.probabilities ?? new Map(), options.top, output);
  else writeCounts(head, result.counts ?? new Map(), { shots, seed }, options.top, output);
}

async function runRemote(
  circuit: Circuit,
  target: string,
  options: RunCircuitOptions,
  { output, signal }: CommandContext,
): Promise<void> {
  const executor = createRemoteExecutor({
    target,
    simulator: options.chip === undefined,
    ...(options.chip === undefined ? {} : { device: options.chip }),
  });
  try {
    const seed = options.seed ?? drawSeed();
    const batch = {
      circuit,
      shared: new Float64Array(0),
      rows: new Float64Array(0),
      B: 1,
      observables: [],
    };
    const result = await executor.run(batch, {
      returns: [options.shots === undefined ? "probabilities" : "counts"],
      seed,
      signal,
      ...(options.shots === undefined ? {} : { shots: options.shots }),
    });
    const sizes = { qubits: circuit.qubits, clbits: circuit.clbits, target, usage: result.usage };
    if (options.shots === undefined)
      writeDistribution(sizes, result.probabilities?.[0] ?? new Map(), options.top, output);
    else
      writeCounts(
        sizes,
        result.counts?.[0] ?? new Map(),
        { shots: options.shots, seed },
        options.top,
        output,
      );
  } finally {
    await executor.close();
  }
}

function writeDistribution(
  head: object,
  probabilities: ReadonlyMap<string, number>,
  top: number | undefined,
  output: CommandContext["output"],
): void {
  const sorted = [...probabilities]
    .filter(([, p]) => p > 1e-12)
    .sort(([a, p], [b, q]) => q - p || (a < b ? -1 : 1));
  const kept = top === undefined ? sorted : sorted.slice(0, top);
  const omitted = sorted.length - kept.length;
  output.result(
    { ...head, probabilities: Object.fromEntries(kept), ...(top === undefined ? {} : { omitted }) },
    () =>
      [
        ...kept.map(([bits, p]) => `${bits}  ${p.toFixed(10)}`),
        ...(omitted > 0 ? [`(and ${omitted} more)`] : []),
      ].join("\n"),
  );
}

function writeCounts(
  head: object,
  counts: Counts,
  run: { readonly shots: number; readonly seed: bigint },
  top: number | undefined,
  output: CommandContext["output"],
): void {
  const sorted = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  const kept = top === undefined ? sorted : sorted.slice(0, top);
  const omitted = sorted.length - kept.length;
  const seed = run.seed <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(run.seed) : run.seed.toString();
  output.result(
    {
      ...head,
      counts: Object.fromEntries(kept),
      shots: run.shots,
      seed,
      ...(top === undefined ? {} : { omitted }),
    },
    () =>
      [
        ...kept.map(([bits, count]) => `${bits}  ${count}`),
        ...(omitted > 0 ? [`(and ${omitted} more)`] : []),
        `${run.shots} shots, seed ${seed}`,
      ].join("\n"),
  );
}

/** Draws a seed where the user gave none; it is printed with the result. */
function drawSeed(): bigint {
  const words = crypto.getRandomValues(new Uint32Array(2));
  return (BigInt(words[0] ?? 0) << 20n) | BigInt((words[1] ?? 0) & 0xfffff);
}
