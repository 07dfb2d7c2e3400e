/**
 * Where everything in a drawing stands: operations become items, items find their column. Text and SVG paint the same
 * layout. Rows are the qubits, then one row per classical register.
 */
import { isBoundAngle, type Angle } from "../angle.ts";
import type { Circuit, Condition, Control, Operation, Register } from "../circuit.ts";
import { findGate } from "../gate-table.ts";
import { printAngle } from "../text/number-text.ts";

/** One thing in one column. */
export interface DrawingItem {
  /** Box over `boxRows` (adjacent or not), with a label. */
  readonly box?: {
    readonly rows: readonly number[];
    readonly label: string;
    readonly category: Category;
  };
  /** Dots, rings and crosses on wires. */
  readonly marks: readonly { readonly row: number; readonly kind: "dot" | "ring" | "cross" }[];
  /** The classical register that takes a result or decides, with what stands below it. */
  readonly classical?: { readonly row: number; readonly text: string; readonly decides: boolean };
  /** A barrier across these rows. */
  readonly barrier?: readonly number[];
  readonly column: number;
}

/** What a box is about; SVG colours it. */
export type Category =
  "pauli" | "rotation" | "clifford" | "other" | "measure" | "reset" | "flow" | "defined";

/** Items with their columns, and names for the rows. */
export interface DrawingLayout {
  readonly items: readonly DrawingItem[];
  readonly columns: number;
  readonly qubitNames: readonly string[];
  readonly registers: readonly (Register & { readonly start: number })[];
}

/** How labels are written. */
export interface LabelStyle {
  readonly unicode: boolean;
}

interface Layouter {
  readonly circuit: Circuit;
  readonly style: LabelStyle;
  readonly items: DrawingItem[];
  /** First free column of each row. */
  readonly free: number[];
  readonly registers: readonly (Register & { readonly start: number })[];
}

/** Computes the layout of a circuit. Cost: linear in operations times rows spanned. */
export function layoutDrawing(circuit: Circuit, style: LabelStyle): DrawingLayout {
  const registers = withStarts(
    circuit.classicalRegisters ??
      (circuit.clbits === 0 ? [] : [{ name: "c", size: circuit.clbits }]),
  );
  const layouter: Layouter = {
    circuit,
    style,
    items: [],
    free: Array.from({ length: circuit.qubits + registers.length }, () => 0),
    registers,
  };
  const phase = circuit.globalPhase ?? 0;
  if (phase !== 0) place(layouter, { box: phaseBox(layouter, phase), marks: [] });
  for (const operation of circuit.operations) addOperation(layouter, operation);
  return {
    items: layouter.items,
    columns: Math.max(0, ...layouter.free),
    qubitNames: qubitNames(circuit),
    registers,
  };
}

function withStarts(
  registers: readonly Register[],
): readonly (Register & { readonly start: number })[] {
  let start = 0;
  return registers.map((register) => {
    const placed = { ...register, start };
    start += register.size;
    return placed;
  });
}

function qubitNames(circuit: Circuit): readonly string[] {
  const registers = circuit.quantumRegisters ?? [{ name: "q", size: circuit.qubits }];
  return registers.flatMap(({ name, size }) =>
    Array.from({ length: size }, (_, i) => (name === "$" ? `$${i}` : `${name}[${i}]`)),
  );
}

/** Puts an item into the first column that is free in all rows between its outermost ones. */
function place(layouter: Layouter, item: Omit<DrawingItem, "column">): void {
  const rows = rowsOf(item);
  if (rows.length === 0) return;
  const top = Math.min(...rows);
  const bottom = Math.max(...rows);
  let column = 0;
  for (let row = top; row <= bottom; row++) column = Math.max(column, layouter.free[row] ?? 0);
  for (let row = top; row <= bottom; row++) layouter.free[row] = column + 1;
  layouter.items.push({ ...item, column });
}

/** Tells whether a box shows which of its qubits is which; frames of control flow have no order. */
export function isIndexed(box: NonNullable<DrawingItem["box"]>): boolean {
  return box.rows.length > 1 && box.category !== "flow";
}

/** All rows that an item touches. */
export function rowsOf(item: Omit<DrawingItem, "column">): readonly number[] {
  return [
    ...(item.box?.rows ?? []),
    ...item.marks.map((mark) => mark.row),
    ...(item.classical === undefined ? [] : [item.classical.row]),
    ...(item.barrier ?? []),
  ];
}

function addOperation(layouter: Layouter, operation: Operation, condition?: Condition): void {
  const classical = condition === undefined ? undefined : conditionPlace(layouter, condition);
  const more = classical === undefined ? {} : { classical };
  const all = Array.from({ length: layouter.circuit.qubits }, (_, qubit) => qubit);
  switch (operation.kind) {
    case "gate":
      place(layouter, { ...gateItem(layouter, operation), ...more });
      return;
    case "unitary":
      place(layouter, {
        box: { rows: operation.qubits, label: operation.label ?? "Unitary", category: "defined" },
        marks: controlMarks(operation.controls ?? []),
        ...more,
      });
      return;
    case "phase": {
      const controls = operation.controls ?? [];
      const box = phaseBox(layouter, operation.angle);
      place(
        layouter,
        controls.length === 0
          ? { box, marks: [], ...more }
          : { ...controlledPhase(layouter, operation.angle, controls), ...more },
      );
      return;
    }
    case "measure": {
      const register = layouter.registers.findIndex(
        ({ start, size }) => operation.clbit >= start && operation.clbit < start + size,
      );
      const text = String(operation.clbit - (layouter.registers[register]?.start ?? 0));
      const row = layouter.circuit.qubits + register;
      place(layouter, {
        box: { rows: [operation.qubit], label: "M", category: "measure" },
        marks: [],
        classical: { row, text, decides: false },
      });
      return;
    }
    case "reset":
      place(layouter, {
        box: {
          rows: [operation.qubit],
          label: layouter.style.unicode ? "|0⟩" : "|0>",
          category: "reset",
        },
        marks: [],
        ...more,
      });
      return;
    case "barrier":
      place(layouter, {
        marks: [],
        barrier: operation.qubits.length === 0 ? all : operation.qubits,
      });
      return;
    case "delay": {
      const qubits = operation.qubits.length === 0 ? all : operation.qubits;
      for (const qubit of qubits)
        place(layouter, {
          box: { rows: [qubit], label: `${operation.durationNs} ns`, category: "other" },
          marks: [],
          ...more,
        });
      return;
    }
    case "assign":
      addAssign(layouter, operation);
      return;
    case "if":
      addIf(layouter, operation);
      return;
    case "while":
      frame(
        layouter,
        operation.body,
        `while ${conditionText(layouter, operation.condition)}`,
        operation.condition,
      );
      return;
    case "switch":
      operation.cases.forEach((one) => {
        const of = one.values.map((value): Condition => ({
          kind: "equals",
          clbits: operation.clbits,
          value,
        }));
        const [only] = of;
        const test: Condition = of.length === 1 && only !== undefined ? only : { kind: "or", of };
        frame(layouter, one.body, `case ${one.values.join(", ")}`, test);
      });
      if (operation.default !== undefined) frame(layouter, operation.default, "default", undefined);
      return;
    default:
      operation satisfies never;
  }
}

function addAssign(layouter: Layouter, operation: Operation & { kind: "assign" }): void {
  operation.clbits.forEach((clbit, i) => {
    const value = operation.value[i] ?? 0;
    const register = layouter.registers.findIndex(
      ({ start, size }) => clbit >= start && clbit < start + size,
    );
    const not = layouter.style.unicode ? "¬" : "!";
    const source =
      typeof value === "number"
        ? String(value)
        : `${value.inverted === true ? not : ""}${bitName(layouter, value.clbit)}`;
    const text = `${clbit - (layouter.registers[register]?.start ?? 0)}=${source}`;
    place(layouter, {
      marks: [],
      classical: { row: layouter.circuit.qubits + register, text, decides: true },
    });
  });
}

/** One plain operation is drawn with a line to the register; anything else stands between two frames. */
function addIf(layouter: Layouter, operation: Operation & { kind: "if" }): void {
  const [only] = operation.then;
  const plain =
    operation.then.length === 1 &&
    only !== undefined &&
    (only.kind === "gate" || only.kind === "reset") &&
    operation.else === undefined;
  if (plain && conditionPlace(layouter, operation.condition) !== undefined) {
    addOperation(layouter, only, operation.condition);
    return;
  }
  frame(
    layouter,
    operation.then,
    `if ${conditionText(layouter, operation.condition)}`,
    operation.condition,
    operation.else,
  );
}

function frame(
  layouter: Layouter,
  body: readonly Operation[],
  label: string,
  condition: Condition | undefined,
  otherwise?: readonly Operation[],
): void {
  const touched = new Set<number>();
  for (const operation of [...body, ...(otherwise ?? [])])
    collectQubits(layouter, operation, touched);
  const rows = touched.size === 0 ? [0] : [...touched].sort((a, b) => a - b);
  if (layouter.circuit.qubits === 0) return;
  const classical = condition === undefined ? undefined : conditionPlace(layouter, condition, "");
  const box = (text: string): NonNullable<DrawingItem["box"]> => ({
    rows,
    label: text,
    category: "flow",
  });
  place(layouter, {
    box: box(label),
    marks: [],
    ...(classical === undefined ? {} : { classical }),
  });
  for (const operation of body) addOperation(layouter, operation);
  if (otherwise !== undefined) {
    place(layouter, { box: box("else"), marks: [] });
    for (const operation of otherwise) addOperation(layouter, operation);
  }
  place(layouter, { box: box("end"), marks: [] });
}

function collectQubits(layouter: Layouter, operation: Operation, into: Set<number>): void {
  switch (operation.kind) {
    case "gate":
    case "unitary":
      for (const qubit of operation.qubits) into.add(qubit);
      for (const control of operation.controls ?? []) into.add(control.qubit);
      return;
    case "phase":
      for (const control of operation.controls ?? [{ qubit: 0 }]) into.add(control.qubit);
      return;
    case "measure":
    case "reset":
      into.add(operation.qubit);
      return;
    case "barrier":
    case "delay":
      for (const qubit of operation.qubits.length === 0
        ? Array.from({ length: layouter.circuit.qubits }, (_, i) => i)
        : operation.qubits)
        into.add(qubit);
      return;
    case "if":
      for (const inner of [...operation.then, ...(operation.else ?? [])])
        collectQubits(layouter, inner, into);
      return;
    case "while":
      for (const inner of operation.body) collectQubits(layouter, inner, into);
      return;
    case "switch":
      for (const inner of [
        ...operation.cases.flatMap((one) => one.body),
        ...(operation.default ?? []),
      ])
        collectQubits(layouter, inner, into);
      return;
    case "assign":
      return;
    default:
      operation satisfies never;
  }
}

/** Where a condition over bits of one register is shown, and how; nothing for conditions over several. */
function conditionPlace(
  layouter: Layouter,
  condition: Condition,
  text?: string,
): DrawingItem["classical"] {
  const clbits = new Set<number>();
  collectClbits(condition, clbits);
  const index = layouter.registers.findIndex(({ start, size }) =>
    [...clbits].every((clbit) => clbit >= start && clbit < start + size),
  );
  if (index === -1 || clbits.size === 0) return undefined;
  return {
    row: layouter.circuit.qubits + index,
    text: text ?? conditionText(layouter, condition),
    decides: true,
  };
}

function collectClbits(condition: Condition, into: Set<number>): void {
  switch (condition.kind) {
    case "equals":
    case "less":
    case "greater":
      for (const clbit of condition.clbits) into.add(clbit);
      return;
    case "not":
      return collectClbits(condition.of, into);
    case "and":
    case "or":
    case "xor":
      for (const one of condition.of) collectClbits(one, into);
      return;
    default:
      condition satisfies never;
  }
}

function bitName(layouter: Layouter, clbit: number): string {
  const register = layouter.registers.find(
    ({ start, size }) => clbit >= start && clbit < start + size,
  );
  return register === undefined ? String(clbit) : `${register.name}[${clbit - register.start}]`;
}

function conditionText(layouter: Layouter, condition: Condition): string {
  const { unicode } = layouter.style;
  switch (condition.kind) {
    case "equals":
    case "less":
    case "greater": {
      const sign = { equals: "=", less: "<", greater: ">" }[condition.kind];
      return `${bitsName(layouter, condition.clbits)}${sign}${condition.value}`;
    }
    case "not":
      return `${unicode ? "¬" : "!"}(${conditionText(layouter, condition.of)})`;
    case "and":
    case "or":
    case "xor": {
      const sign = unicode
        ? { and: " ∧ ", or: " ∨ ", xor: " ⊕ " }[condition.kind]
        : { and: " & ", or: " | ", xor: " ^ " }[condition.kind];
      return condition.of.map((one) => conditionText(layouter, one)).join(sign);
    }
    default:
      return condition satisfies never;
  }
}

function bitsName(layouter: Layouter, clbits: readonly number[]): string {
  const [first = 0] = clbits;
  const register = layouter.registers.find(
    ({ start, size }) => clbits.length === size && clbits.every((clbit, i) => clbit === start + i),
  );
  if (register !== undefined && clbits.length > 1) return register.name;
  if (clbits.length === 1) return bitName(layouter, first);
  return `(${[...clbits]
    .reverse()
    .map((clbit) => bitName(layouter, clbit))
    .join("")})`;
}

// ---- gates -------------------------------------------------------------------------------------------------------

function controlMarks(controls: readonly Control[]): DrawingItem["marks"] {
  return controls.map((control) => ({
    row: control.qubit,
    kind: control.value === 1 ? "dot" : "ring",
  }));
}

function gateItem(
  layouter: Layouter,
  operation: Operation & { kind: "gate" },
): Omit<DrawingItem, "column"> {
  const gate = findGate(operation.gate);
  const own = gate?.controls ?? 0;
  const marks = [
    ...controlMarks(operation.controls ?? []),
    ...operation.qubits.slice(0, own).map((row) => ({ row, kind: "dot" as const })),
  ];
  const rows = operation.qubits.slice(own);
  const base = gate?.base ?? (gate?.name === "CU" ? "U" : operation.gate);
  const power = operation.power ?? 1;
  if (power === 1 && base === "SWAP")
    return { marks: [...marks, ...rows.map((row) => ({ row, kind: "cross" as const }))] };
  if (
    power === 1 &&
    base === "Z" &&
    marks.length > 0 &&
    marks.every((mark) => mark.kind === "dot")
  ) {
    return { marks: [...marks, ...rows.map((row) => ({ row, kind: "dot" as const }))] };
  }
  const label =
    gateLabel(base, layouter.style) +
    powerText(power, layouter.style) +
    anglesText(operation.angles, layouter.style);
  return { box: { rows, label, category: categoryOf(base) }, marks };
}

function phaseBox(layouter: Layouter, angle: Angle): NonNullable<DrawingItem["box"]> {
  return {
    rows: [0],
    label: `${layouter.style.unicode ? "phase" : "phase"}${anglesText([angle], layouter.style)}`,
    category: "rotation",
  };
}

/** A controlled phase acts on its last control as a P gate. */
function controlledPhase(
  layouter: Layouter,
  angle: Angle,
  controls: readonly Control[],
): Omit<DrawingItem, "column"> {
  const positive = controls.find((control) => control.value === 1);
  const target = positive ?? controls[0];
  const rest = controls.filter((control) => control !== target);
  const label = `${target?.value === 0 ? "P0" : "P"}${anglesText([angle], layouter.style)}`;
  return {
    box: { rows: [target?.qubit ?? 0], label, category: "rotation" },
    marks: controlMarks(rest),
  };
}

const unicodeNames: Readonly<Record<string, string>> = {
  SDG: "S†",
  TDG: "T†",
  SQRT_X: "√X",
  SQRT_XDG: "√X†",
  X1: "X½",
  Y1: "Y½",
  Z1: "Z½",
  RX: "Rx",
  RY: "Ry",
  RZ: "Rz",
  RXX: "Rxx",
  RYY: "Ryy",
  RZZ: "Rzz",
  RZX: "Rzx",
  RPHI: "Rφ",
  ISWAP: "iSwap",
  SQISWAP: "√iSwap",
  ISWAPTHETA: "iSwap",
  ECHO: "Echo",
  ECR: "ECR",
  DCX: "DCX",
  U0: "U0",
};

const asciiNames: Readonly<Record<string, string>> = {
  SDG: "Sdg",
  TDG: "Tdg",
  SQRT_X: "SX",
  SQRT_XDG: "SXdg",
  RX: "Rx",
  RY: "Ry",
  RZ: "Rz",
  RXX: "Rxx",
  RYY: "Ryy",
  RZZ: "Rzz",
  RZX: "Rzx",
  RPHI: "Rphi",
  ISWAP: "iSwap",
  SQISWAP: "sqiSwap",
  ISWAPTHETA: "iSwap",
  ECHO: "Echo",
};

function gateLabel(name: string, style: LabelStyle): string {
  return (style.unicode ? unicodeNames[name] : asciiNames[name]) ?? name;
}

function powerText(power: number, style: LabelStyle): string {
  if (power === 1) return "";
  if (power === -1) return style.unicode ? "†" : "^-1";
  return `^${shortNumber(power)}`;
}

/** Digits that a drawing shows. */
function shortNumber(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function anglesText(angles: readonly Angle[], style: LabelStyle): string {
  if (angles.length === 0) return "";
  return `(${angles.map((angle) => angleText(angle, style)).join(", ")})`;
}

/** An angle as people write it: multiples of π where that is exact to six digits, else four digits. */
export function angleText(angle: Angle, style: LabelStyle): string {
  const pi = style.unicode ? "π" : "pi";
  if (!isBoundAngle(angle)) {
    const round = (value: number): number => Number(value.toPrecision(4));
    const short = {
      constant: 0,
      terms: angle.terms.map((term) => ({ ...term, coefficient: round(term.coefficient) })),
    };
    const text = printAngle(
      short,
      { pi, exponent: "free", usePi: false },
      (name) => name,
    ).replaceAll("*", style.unicode ? "·" : "*");
    if (angle.constant === 0) return text;
    const constant = angleText(angle.constant, style);
    return constant.startsWith("-") ? text + constant : `${text}+${constant}`;
  }
  if (angle === 0) return "0";
  for (const denominator of [1, 2, 3, 4, 6, 8, 12, 16, 32, 64]) {
    const numerator = Math.round((angle * denominator) / Math.PI);
    if (
      numerator === 0 ||
      Math.abs(numerator) > 99 ||
      Math.abs((numerator * Math.PI) / denominator - angle) > 1e-7
    )
      continue;
    const head =
      numerator === 1
        ? pi
        : numerator === -1
          ? `-${pi}`
          : `${numerator}${style.unicode ? "" : "*"}${pi}`;
    return denominator === 1 ? head : `${head}/${denominator}`;
  }
  return shortNumber(angle);
}

function categoryOf(name: string): Category {
  const gate = findGate(name);
  if (gate === undefined) return "defined";
  if (name === "X" || name === "Y" || name === "Z") return "pauli";
  if (gate.angles.length > 0) return "rotation";
  return gate.clifford ? "clifford" : "other";
}
