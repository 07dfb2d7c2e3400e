/**
 * The versioned JSON form: `{ "schema": "qtune.circuit/1", …circuit }`. It is the circuit itself; big integers are
 * decimal strings, and only they. What comes from outside is checked for shape here and for sense by `validateCircuit`.
 */
import { type Issue, QtuneError } from "@qtune/base";
import { addAngles, type Angle, isBoundAngle } from "./angle.ts";
import type { Circuit, Control, GateOperation, Operation } from "./circuit.ts";
import { findGate } from "./gate-table.ts";
import { findJsonPlaces } from "./text/json-place.ts";
import { parseJsonText } from "./text/parse-json.ts";
import { createPortions } from "./text/portions.ts";
import { createSource, locate, type Source } from "./text/source.ts";
import { validateCircuit } from "./validate.ts";

/** Name and version of the form. */
export const circuitJsonSchema = "qtune.circuit/1";

/** Returns the circuit as JSON text, one operation per line. */
export function printCircuitJson(circuit: Circuit): string {
  const { operations, ...rest } = circuit;
  const head = JSON.stringify({ schema: circuitJsonSchema, ...rest }, bigintAsText).slice(0, -1);
  if (operations.length === 0) return `${head},\n  "operations": []\n}\n`;
  const portions = createPortions();
  const lines = [`${head},`, '  "operations": ['];
  const last = operations.length - 1;
  operations.forEach((operation, i) => {
    lines.push(`    ${operationText(operation)}${i === last ? "" : ","}`);
    portions.fold(lines);
  });
  lines.push("  ]", "}");
  return portions.finish(lines);
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}

function operationText(operation: Operation): string {
  if (
    operation.kind !== "gate" ||
    operation.controls !== undefined ||
    operation.power !== undefined
  )
    return JSON.stringify(operation, bigintAsText);
  // what long circuits consist of, without the detour through a replacer
  const { gate, qubits, angles } = operation;
  const values = angles.every(isBoundAngle)
    ? angles.join(",")
    : JSON.stringify(angles).slice(1, -1);
  return `{"kind":"gate","gate":${quoted(gate)},"qubits":[${qubits.join(",")}],"angles":[${values}]}`;
}

function quoted(name: string): string {
  return findGate(name) === undefined ? JSON.stringify(name) : `"${name}"`;
}

/** How {@link parseCircuitJson} reads. */
export interface CircuitJsonOptions {
  readonly fileName?: string | undefined;
}

/**
 * Reads the JSON form.
 *
 * Errors: invalid_argument with all issues: text that is no JSON, another schema, fields of another shape, a circuit that
 *         is not sound.
 */
export function parseCircuitJson(text: string, options: CircuitJsonOptions = {}): Circuit {
  const source = createSource(text, options.fileName);
  const value = parseJsonText(text, { where: "circuit", fileName: options.fileName });
  const issues: Issue[] = [];
  const shape = new ShapeReader((where, expected, given) => {
    if (issues.length < source.maxIssues) issues.push({ where, expected, given: describe(given) });
  });
  const circuit = shape.circuit(value);
  const { maxIssues } = source;
  const found =
    circuit === undefined || issues.length > 0 ? issues : validateCircuit(circuit, { maxIssues });
  if (found.length > 0) throw QtuneError.fromIssues(placed(source, found));
  if (circuit === undefined)
    throw new QtuneError("internal", "internal: a circuit without shape has no issues");
  return circuit;
}

/** Adds file, line, column and excerpt to issues: those of the values they are about. */
function placed(source: Source, issues: readonly Issue[]): readonly Issue[] {
  const paths = issues.map((issue) => issue.where);
  const places = findJsonPlaces(source.text, "circuit", paths);
  return issues.map((issue, i) => ({
    ...issue,
    ...fileOf(source),
    ...locate(source, places[i]?.offset ?? 0),
  }));
}

function fileOf(source: Source): { readonly file?: string } {
  return source.file === undefined ? {} : { file: source.file };
}

function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

type Report = (where: string, expected: string, given: unknown) => void;
type Fields = Readonly<Record<string, unknown>>;
type Read<T> = (value: unknown, where: string) => T;

/** Deepest nesting of control flow and conditions that is read. */
const maxDepth = 256;

/** Reads values of unknown shape; everything that is wrong is reported, and a stand-in is returned to go on. */
class ShapeReader {
  readonly #report: Report;
  #depth = 0;

  constructor(report: Report) {
    this.#report = report;
  }

  circuit(value: unknown): Circuit | undefined {
    const fields = this.#fields(value, "circuit", [
      "schema",
      "name",
      "qubits",
      "clbits",
      "quantumRegisters",
      "classicalRegisters",
      "parameters",
      "definitions",
      "operations",
      "globalPhase",
    ]);
    if (fields === undefined) return undefined;
    if (fields["schema"] !== circuitJsonSchema) {
      this.#report("circuit.schema", `"${circuitJsonSchema}"`, fields["schema"]);
      return undefined;
    }
    return {
      ...this.#optional(fields, "name", "circuit", this.#text),
      qubits: this.#number(fields["qubits"], "circuit.qubits"),
      clbits: this.#number(fields["clbits"], "circuit.clbits"),
      ...this.#optional(fields, "quantumRegisters", "circuit", this.#listOf(this.#register)),
      ...this.#optional(fields, "classicalRegisters", "circuit", this.#listOf(this.#register)),
      parameters: this.#list(fields["parameters"], "circuit.parameters", this.#parameter),
      ...this.#definitions(fields),
      operations: this.#operationList(fields["operations"], "circuit.operations"),
      ...this.#phase(fields, "circuit"),
    };
  }

  /** No phase and a phase of 0 are the same. */
  #phase(fields: Fields, where: string): { readonly globalPhase?: Angle } {
    const { globalPhase } = this.#optional(fields, "globalPhase", where, this.#angle);
    return globalPhase === undefined || globalPhase === 0 ? {} : { globalPhase };
  }

  #definitions(fields: Fields): Pick<Circuit, "definitions"> {
    const read = this.#listOf(this.#definition);
    const { definitions } = this.#optional(fields, "definitions", "circuit", read);
    return definitions === undefined || definitions.length === 0 ? {} : { definitions };
  }

  /** No controls and an empty list of them are the same. */
  #controls(fields: Fields, where: string): { readonly controls?: readonly Control[] } {
    const { controls } = this.#optional(fields, "controls", where, this.#listOf(this.#control));
    return controls === undefined || controls.length === 0 ? {} : { controls };
  }

  #fields(value: unknown, where: string, names: readonly string[]): Fields | undefined {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.#report(where, "an object", value);
      return undefined;
    }
    for (const key of Object.keys(value))
      if (!names.includes(key)) this.#report(`${where}.${key}`, `one of ${names.join(", ")}`, key);
    return value as Fields; // an object that is neither null nor an array
  }

  #optional<Key extends string, T>(
    fields: Fields,
    key: Key,
    where: string,
    read: Read<T>,
  ): { [K in Key]?: T } {
    const value = fields[key];
    return (value === undefined ? {} : { [key]: read(value, `${where}.${key}`) }) as {
      [K in Key]?: T;
    }; // one key, its own type
  }

  #list<T>(value: unknown, where: string, read: Read<T>): readonly T[] {
    if (Array.isArray(value)) return value.map((item: unknown, i) => read(item, `${where}[${i}]`));
    this.#report(where, "a list", value);
    return [];
  }

  readonly #operationList: Read<readonly Operation[]> = (value, where) => {
    if (!Array.isArray(value)) return this.#list(value, where, this.#operation);
    return value.map((item: unknown, i) =>
      isPlainGate(item) ? item : this.#operation(item, `${where}[${i}]`),
    );
  };

  readonly #listOf =
    <T>(read: Read<T>): Read<readonly T[]> =>
    (value, where) =>
      this.#list(value, where, read);

  readonly #number: Read<number> = (value, where) => {
    if (typeof value === "number") return value;
    this.#report(where, "a number", value);
    return 0;
  };

  readonly #text: Read<string> = (value, where) => {
    if (typeof value === "string") return value;
    this.#report(where, "a text", value);
    return "";
  };

  readonly #bigint: Read<bigint> = (value, where) => {
    if (typeof value === "string" && /^-?\d{1,5000}$/.test(value)) return BigInt(value);
    this.#report(where, "a whole number as a text", value);
    return 0n;
  };

  readonly #register: Read<{ name: string; size: number }> = (value, where) => {
    const fields = this.#fields(value, where, ["name", "size"]) ?? {};
    return {
      name: this.#text(fields["name"], `${where}.name`),
      size: this.#number(fields["size"], `${where}.size`),
    };
  };

  readonly #parameter: Read<Circuit["parameters"][number]> = (value, where) => {
    const fields = this.#fields(value, where, ["name", "role"]) ?? {};
    const { role } = fields;
    if (role !== "shared" && role !== "row")
      this.#report(`${where}.role`, '"shared" or "row"', role);
    return {
      name: this.#text(fields["name"], `${where}.name`),
      role: role === "row" ? "row" : "shared",
    };
  };

  readonly #definition: Read<NonNullable<Circuit["definitions"]>[number]> = (value, where) => {
    const fields =
      this.#fields(value, where, ["name", "parameters", "qubits", "body", "globalPhase"]) ?? {};
    return {
      name: this.#text(fields["name"], `${where}.name`),
      parameters: this.#list(fields["parameters"], `${where}.parameters`, this.#text),
      qubits: this.#number(fields["qubits"], `${where}.qubits`),
      body: this.#operationList(fields["body"], `${where}.body`),
      ...this.#phase(fields, where),
    };
  };

  readonly #angle: Read<Angle> = (value, where) => {
    if (typeof value === "number") return value;
    const fields = this.#fields(value, where, ["constant", "terms"]) ?? {};
    const affine = {
      constant: this.#number(fields["constant"], `${where}.constant`),
      terms: this.#list(fields["terms"], `${where}.terms`, (item, at) => {
        const term = this.#fields(item, at, ["parameter", "coefficient"]) ?? {};
        return {
          parameter: this.#text(term["parameter"], `${at}.parameter`),
          coefficient: this.#number(term["coefficient"], `${at}.coefficient`),
        };
      }),
    };
    return addAngles(affine, 0); // terms in order, none twice, none that is 0
  };

  readonly #control: Read<Control> = (value, where) => {
    const fields = this.#fields(value, where, ["qubit", "value"]) ?? {};
    const bit = fields["value"];
    if (bit !== 0 && bit !== 1) this.#report(`${where}.value`, "0 or 1", bit);
    return { qubit: this.#number(fields["qubit"], `${where}.qubit`), value: bit === 0 ? 0 : 1 };
  };

  readonly #operations: Read<readonly Circuit["operations"][number][]> = (value, where) => {
    if (this.#depth >= maxDepth) {
      this.#report(where, `control flow nested at most ${maxDepth} deep`, "deeper nesting");
      return [];
    }
    this.#depth += 1;
    const list = this.#operationList(value, where);
    this.#depth -= 1;
    return list;
  };

  readonly #operation: Read<Circuit["operations"][number]> = (value, where) => {
    const kind =
      typeof value === "object" && value !== null && "kind" in value ? value.kind : undefined;
    const names =
      typeof kind === "string" && Object.hasOwn(fieldsByKind, kind)
        ? fieldsByKind[kind as keyof typeof fieldsByKind]
        : undefined;
    if (names === undefined) {
      this.#report(`${where}.kind`, `one of ${Object.keys(fieldsByKind).join(", ")}`, kind);
      return { kind: "barrier", qubits: [] };
    }
    const fields = this.#fields(value, where, ["kind", ...names.split(" ")]) ?? {};
    const numbers = (key: string): readonly number[] =>
      this.#list(fields[key], `${where}.${key}`, this.#number);
    const number = (key: string): number => this.#number(fields[key], `${where}.${key}`);
    const controls = this.#controls(fields, where);
    switch (kind as keyof typeof fieldsByKind) {
      case "gate":
        return {
          kind: "gate",
          gate: this.#text(fields["gate"], `${where}.gate`),
          qubits: numbers("qubits"),
          angles: this.#list(fields["angles"], `${where}.angles`, this.#angle),
          ...controls,
          ...(fields["power"] === 1 ? {} : this.#optional(fields, "power", where, this.#number)),
        };
      case "unitary":
        return {
          kind: "unitary",
          qubits: numbers("qubits"),
          re: numbers("re"),
          im: numbers("im"),
          ...controls,
          ...this.#optional(fields, "label", where, this.#text),
        };
      case "phase":
        return {
          kind: "phase",
          angle: this.#angle(fields["angle"], `${where}.angle`),
          ...controls,
        };
      case "measure":
        return { kind: "measure", qubit: number("qubit"), clbit: number("clbit") };
      case "reset":
        return { kind: "reset", qubit: number("qubit") };
      case "barrier":
        return { kind: "barrier", qubits: numbers("qubits") };
      case "delay":
        return { kind: "delay", qubits: numbers("qubits"), durationNs: number("durationNs") };
      case "assign":
        return {
          kind: "assign",
          clbits: numbers("clbits"),
          value: this.#list(fields["value"], `${where}.value`, this.#bit),
        };
      case "if":
        return {
          kind: "if",
          condition: this.#condition(fields["condition"], `${where}.condition`),
          then: this.#operations(fields["then"], `${where}.then`),
          ...this.#optional(fields, "else", where, this.#operations),
        };
      case "while":
        return {
          kind: "while",
          condition: this.#condition(fields["condition"], `${where}.condition`),
          body: this.#operations(fields["body"], `${where}.body`),
          maxIterations: number("maxIterations"),
        };
      case "switch":
        return {
          kind: "switch",
          clbits: numbers("clbits"),
          cases: this.#list(fields["cases"], `${where}.cases`, (item, at) => {
            const one = this.#fields(item, at, ["values", "body"]) ?? {};
            return {
              values: this.#list(one["values"], `${at}.values`, this.#bigint),
              body: this.#operations(one["body"], `${at}.body`),
            };
          }),
          ...this.#optional(fields, "default", where, this.#operations),
        };
    }
  };

  readonly #bit: Read<0 | 1 | { clbit: number; inverted?: boolean }> = (value, where) => {
    if (value === 0 || value === 1) return value;
    const fields = this.#fields(value, where, ["clbit", "inverted"]) ?? {};
    return {
      clbit: this.#number(fields["clbit"], `${where}.clbit`),
      ...this.#optional(fields, "inverted", where, (flag, at) => {
        if (typeof flag !== "boolean") this.#report(at, "true or false", flag);
        return flag === true;
      }),
    };
  };

  readonly #condition: Read<Extract<Circuit["operations"][number], { kind: "if" }>["condition"]> = (
    value,
    where,
  ) => {
    const fields = this.#fields(value, where, ["kind", "clbits", "value", "of"]) ?? {};
    if (this.#depth >= maxDepth) {
      this.#report(where, `conditions nested at most ${maxDepth} deep`, "deeper nesting");
      return { kind: "or", of: [] };
    }
    this.#depth += 1;
    try {
      switch (fields["kind"]) {
        case "equals":
        case "less":
        case "greater":
          return {
            kind: fields["kind"],
            clbits: this.#list(fields["clbits"], `${where}.clbits`, this.#number),
            value: this.#bigint(fields["value"], `${where}.value`),
          };
        case "not":
          return { kind: "not", of: this.#condition(fields["of"], `${where}.of`) };
        case "and":
        case "or":
        case "xor":
          return {
            kind: fields["kind"],
            of: this.#list(fields["of"], `${where}.of`, this.#condition),
          };
        default:
          this.#report(
            `${where}.kind`,
            "equals, less, greater, not, and, or or xor",
            fields["kind"],
          );
          return { kind: "or", of: [] };
      }
    } finally {
      this.#depth -= 1;
    }
  };
}

/** A gate with numbers for angles and nothing else, which needs no reading. */
function isPlainGate(value: unknown): value is GateOperation {
  if (typeof value !== "object" || value === null) return false;
  const { kind, gate, qubits, angles } = value as Fields; // any object has fields by name
  if (kind !== "gate" || typeof gate !== "string" || !isNumbers(qubits) || !isNumbers(angles))
    return false;
  let count = 0;
  for (const _key in value) count += 1;
  return count === 4;
}

function isNumbers(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  for (const item of value) if (typeof item !== "number") return false;
  return true;
}

const fieldsByKind = {
  gate: "gate qubits angles controls power",
  unitary: "qubits re im controls label",
  phase: "angle controls",
  measure: "qubit clbit",
  reset: "qubit",
  barrier: "qubits",
  delay: "qubits durationNs",
  assign: "clbits value",
  if: "condition then else",
  while: "condition body maxIterations",
  switch: "clbits cases default",
} as const satisfies Record<Circuit["operations"][number]["kind"], string>;
