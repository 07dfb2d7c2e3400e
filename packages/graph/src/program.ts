/** Runs the segments and host operations of a compiled graph in order, and sums gradients over runs. */
import { QtuneError, internalError, shapeSize, throwIfAborted, type Abortable } from "@qtune/base";
import { Tensor as RuntimeTensor, type InferenceSession } from "onnxruntime-node";
import type { CompileOptions, HostCall, Program, RunProgramOptions } from "./api.ts";
import { bindDims } from "./bind-dims.ts";
import { evaluateDim, type DimBindings } from "./dim.ts";
import type { Precision } from "./emit.ts";
import {
  isSegment,
  type HostLevel,
  type Partition,
  type RunStage,
  type Segment,
} from "./partition.ts";
import type { Tensor, Value, ValueData } from "./tensor.ts";

/** A segment with its session. */
export interface OpenSegment {
  readonly session: InferenceSession;
  readonly path: string;
  readonly symbols: readonly string[];
  readonly outputNames: readonly string[];
  readonly nodes: number;
}

/** What a program is made of. */
export interface ProgramParts {
  readonly parts: Partition;
  readonly outputs: ReadonlyMap<string, Tensor>;
  readonly segments: ReadonlyMap<Segment, OpenSegment>;
  readonly weightBytes: number;
  readonly compileMs: number;
  readonly options: CompileOptions;
  readonly removeFiles: () => Promise<void>;
}

type Values = Map<Tensor, RuntimeTensor>;

class CompiledProgram implements Program {
  readonly #parts: ProgramParts;
  /** Parameters and what was computed from them alone. */
  readonly #stepValues: Values = new Map();
  readonly #sums = new Map<Tensor, Float64Array>();
  readonly #memory = new Map<Tensor, Float32Array | Float64Array>();
  readonly #exported: ReadonlySet<Tensor>;
  readonly #precision: Precision;
  #isStepDone = false;
  #isBusy = false;
  #isClosed = false;

  constructor(parts: ProgramParts) {
    this.#parts = parts;
    this.#exported = new Set(parts.outputs.values());
    this.#precision = parts.options.precision ?? "float32";
  }

  get inputs(): readonly string[] {
    return this.#parts.parts.inputs.map(({ name }) => name);
  }

  get parameters(): readonly string[] {
    return this.#parts.parts.parameters.map(({ name }) => name);
  }

  get gradients(): readonly string[] {
    return [...this.#outputsOf("gradient")].map(([name]) => name);
  }

  get report(): Program["report"] {
    const segments = [...this.#parts.segments].map(([{ stage, level }, { nodes, path }]) => ({
      stage,
      level,
      nodes,
      path,
    }));
    return { segments, weightBytes: this.#parts.weightBytes, compileMs: this.#parts.compileMs };
  }

  bindParameters(values: Readonly<Record<string, Float32Array | Float64Array>>): void {
    this.#assertOpen();
    const known = new Map(this.#parts.parts.parameters.map((tensor) => [tensor.name, tensor]));
    for (const [name, data] of Object.entries(values)) {
      const tensor = known.get(name);
      const where = `parameters.${name}`;
      if (tensor === undefined)
        throw new QtuneError("invalid_argument", "no such parameter in this program", { where });
      const dims = tensor.shape.map(Number);
      if (data.length !== shapeSize(dims)) {
        throw new QtuneError(
          "invalid_argument",
          `expected ${shapeSize(dims)} values for [${dims.join(", ")}] but was given ${data.length}`,
          { where },
        );
      }
      this.#stepValues.set(
        tensor,
        toRuntime({ dims, data: data.slice() }, tensor, this.#precision),
      );
    }
    this.#isStepDone = false;
  }

  run(
    feeds: Readonly<Record<string, Value>>,
    options: RunProgramOptions = {},
  ): Promise<Record<string, Value>> {
    return this.#alone(() => this.#run(feeds, options));
  }

  takeGradients(options: Abortable = {}): Promise<Record<string, Float64Array>> {
    return this.#alone(() => this.#takeGradients(options));
  }

  /** Runs one call at a time: values between segments have one place each. */
  async #alone<T>(work: () => Promise<T>): Promise<T> {
    this.#assertOpen();
    if (this.#isBusy) {
      throw new QtuneError(
        "failed_precondition",
        "expected one call at a time; await the last one first",
        {
          where: "program",
        },
      );
    }
    this.#isBusy = true;
    try {
      return await work();
    } finally {
      this.#isBusy = false;
    }
  }

  async #run(
    feeds: Readonly<Record<string, Value>>,
    options: RunProgramOptions,
  ): Promise<Record<string, Value>> {
    const { inputs, sums } = this.#parts.parts;
    await this.#runStep(options);
    const bindings = bindDims(inputs, feeds);
    const values: Values = new Map(this.#stepValues);
    for (const input of inputs) {
      const value = feeds[input.name];
      if (value !== undefined) values.set(input, toRuntime(value, input, this.#precision));
    }
    await this.#runStage("batch", values, bindings, options);
    for (const { term, sum } of sums) this.#addToSum(sum, valueOf(values, term));
    const outputs = [
      ...this.#outputsOf("batch"),
      ...this.#outputsOf("step"),
      ...this.#outputsOf("constant"),
    ];
    return Object.fromEntries(
      outputs.map(([name, tensor]) => [name, fromRuntime(valueOf(values, tensor))]),
    );
  }

  async #takeGradients(options: Abortable): Promise<Record<string, Float64Array>> {
    await this.#runStep(options);
    const values: Values = new Map(this.#stepValues);
    for (const { sum } of this.#parts.parts.sums) {
      const dims = sum.shape.map(Number);
      const data = this.#sums.get(sum) ?? new Float64Array(shapeSize(dims));
      values.set(sum, toRuntime({ dims, data }, sum, this.#precision));
    }
    await this.#runStage("gradient", values, {}, options);
    const taken = this.#outputsOf("gradient").map(([name, tensor]): [string, Float64Array] => [
      name,
      this.#sums.get(tensor) ??
        Float64Array.from(fromRuntime(valueOf(values, tensor)).data as Float32Array),
    ]);
    this.#sums.clear();
    return Object.fromEntries(taken);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const { session } of this.#parts.segments.values()) await session.release();
    await this.#parts.removeFiles();
  }

  #assertOpen(): void {
    if (this.#isClosed)
      throw new QtuneError("failed_precondition", "the program is closed", { where: "program" });
  }

  #outputsOf(stage: Tensor["stage"]): readonly (readonly [string, Tensor])[] {
    return [...this.#parts.outputs].filter(([, tensor]) => tensor.stage === stage);
  }

  async #runStep(options: Abortable): Promise<void> {
    if (this.#isStepDone) return;
    for (const tensor of this.#parts.parts.parameters) {
      if (!this.#stepValues.has(tensor)) {
        throw new QtuneError(
          "failed_precondition",
          "expected a value before the first run; call bindParameters",
          {
            where: `parameters.${tensor.name}`,
          },
        );
      }
    }
    await this.#runStage("step", this.#stepValues, {}, options);
    this.#isStepDone = true;
  }

  async #runStage(
    stage: RunStage,
    values: Values,
    bindings: DimBindings,
    options: RunProgramOptions,
  ): Promise<void> {
    for (const step of this.#parts.parts.steps) {
      if (step.stage !== stage) continue;
      throwIfAborted(options.signal);
      if (isSegment(step)) await this.#runSegment(step, values, bindings, options);
      else await this.#runHost(step, values, bindings, options);
    }
  }

  async #runSegment(
    segment: Segment,
    values: Values,
    bindings: DimBindings,
    options: RunProgramOptions,
  ): Promise<void> {
    const open = this.#parts.segments.get(segment);
    if (open === undefined) throw internalError("a segment without a session");
    const feeds: Record<string, RuntimeTensor> = {};
    for (const input of segment.inputs) feeds[input.name] = valueOf(values, input);
    for (const symbol of open.symbols) {
      feeds[`dim:${symbol}`] = new RuntimeTensor(
        "int64",
        BigInt64Array.of(BigInt(evaluateDim(symbol, bindings))),
        [1],
      );
    }
    const into = new Map(
      Object.entries(options.into ?? {}).map(([name, value]) => [
        this.#parts.outputs.get(name),
        value,
      ]),
    );
    const fetches: Record<string, RuntimeTensor | null> = {};
    segment.outputs.forEach((output, k) => {
      const name = open.outputNames[k] ?? output.name;
      const target = into.get(output) ?? this.#reuse(output, bindings);
      fetches[name] = target === undefined ? null : toRuntime(target, output, this.#precision);
    });
    const results = await open.session.run(feeds, fetches);
    segment.outputs.forEach((output, k) => {
      const result = results[open.outputNames[k] ?? output.name];
      if (result !== undefined) values.set(output, result);
    });
  }

  /**
   * Returns memory for a value that flows between segments: the same on every run, since fresh pages cost more than what is
   * written to them. What leaves the program gets memory of its own.
   */
  #reuse(output: Tensor, bindings: DimBindings): Value | undefined {
    if (this.#exported.has(output) || output.dtype !== "float") return undefined;
    const dims = output.shape.map((dim) => evaluateDim(dim, bindings));
    const size = shapeSize(dims);
    let data = this.#memory.get(output);
    if (data === undefined || data.length < size) {
      data = this.#precision === "float32" ? new Float32Array(size) : new Float64Array(size);
      this.#memory.set(output, data);
    }
    return { dims, data: data.subarray(0, size) };
  }

  async #runHost(
    level: HostLevel,
    values: Values,
    bindings: DimBindings,
    options: Abortable,
  ): Promise<void> {
    const kinds = Map.groupBy(level.nodes, (node) => node.attributes.kind);
    for (const [kind, nodes] of kinds) {
      const handler = this.#parts.options.hostOperations?.[kind];
      if (handler === undefined) throw internalError(`no handler of ${kind}`);
      const calls = nodes.map((node): HostCall => ({
        kind,
        name: node.outputs[0]?.name ?? kind,
        attributes: node.attributes.attributes,
        inputs: node.inputs.map((input) => fromRuntime(valueOf(values, input))),
      }));
      const results = await handler(calls, { signal: options.signal });
      nodes.forEach((node, k) =>
        node.outputs.forEach((output, position) => {
          const value = results[k]?.[position];
          assertHostValue(value, output, bindings);
          values.set(output, toRuntime(value, output, this.#precision));
        }),
      );
    }
  }

  #addToSum(sum: Tensor, term: RuntimeTensor): void {
    const data = term.data as Float32Array | Float64Array; // sums are of float cotangents
    const total = this.#sums.get(sum);
    if (total === undefined) {
      this.#sums.set(sum, Float64Array.from(data));
      return;
    }
    for (let i = 0; i < total.length; i++) total[i] = (total[i] ?? 0) + (data[i] ?? 0);
  }
}

/** Creates the program of opened segments. */
export function createProgram(parts: ProgramParts): Program {
  return new CompiledProgram(parts);
}

function assertHostValue(
  value: Value | undefined,
  output: Tensor,
  bindings: DimBindings,
): asserts value is Value {
  const expected = output.shape.map((dim) => evaluateDim(dim, bindings));
  const fits =
    value?.dims.length === expected.length &&
    expected.every((dim, axis) => dim === value.dims[axis]);
  if (fits && value?.data.length === shapeSize(expected)) return;
  const given =
    value === undefined ? "nothing" : `[${value.dims.join(", ")}] with ${value.data.length} values`;
  throw new QtuneError(
    "invalid_argument",
    `expected shape [${expected.join(", ")}] but the handler returned ${given}`,
    {
      where: output.name,
    },
  );
}

function valueOf(values: Values, tensor: Tensor): RuntimeTensor {
  const value = values.get(tensor);
  if (value === undefined) throw internalError(`${tensor.name} is used before it is computed`);
  return value;
}

/** Hands memory to onnxruntime, converted where the precision differs. */
function toRuntime(value: Value, tensor: Tensor, precision: Precision): RuntimeTensor {
  const { data, dims } = value;
  const type = tensor.dtype === "float" ? precision : tensor.dtype;
  const fitting = tensor.dtype === "float" ? toPrecision(data, precision) : data;
  if (!isArrayOf(type, fitting)) {
    throw new QtuneError(
      "invalid_argument",
      `expected ${type} but was given ${data.constructor.name}`,
      {
        where: `feeds.${tensor.name}`,
      },
    );
  }
  return new RuntimeTensor(type as "float32", fitting as Float32Array, dims); // checked just above
}

function toPrecision(data: ValueData, precision: Precision): ValueData {
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return data;
  if (precision === "float32") return data instanceof Float32Array ? data : Float32Array.from(data);
  return data instanceof Float64Array ? data : Float64Array.from(data);
}

function isArrayOf(type: string, data: ValueData): boolean {
  const arrays = {
    float32: Float32Array,
    float64: Float64Array,
    int64: BigInt64Array,
    int32: Int32Array,
    bool: Uint8Array,
  };
  const expected = arrays[type as keyof typeof arrays]; // types are keys of the table
  return data instanceof expected;
}

function fromRuntime(tensor: RuntimeTensor): Value {
  return { dims: tensor.dims, data: tensor.data as ValueData }; // only types of ours were asked for
}
