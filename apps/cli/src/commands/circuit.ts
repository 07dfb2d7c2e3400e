import type { Command } from "commander";
import { QtuneError } from "@qtune/base";
import {
  type Circuit,
  type CircuitFormat,
  circuitFormats,
  circuitStats,
  drawCircuit,
  printCircuit,
  printOriginir,
} from "@qtune/circuit";
import { measureAllIfNone } from "@qtune/emulator";
import { compileCircuit, nativeCircuit } from "@qtune/transpiler";
import { newestSnapshot } from "@qtune/chip";
import { openChip } from "../chip-argument.ts";
import { type CommandContext, defineAction } from "../command.ts";
import { type ReadOptions, openCircuit } from "../circuit-argument.ts";
import { choiceOption, integerOption, seedOption } from "../number-option.ts";
import { type RunCircuitOptions, runCircuitCommand } from "./circuit-run.ts";

/** Adds `qtune circuit convert|show|stats|validate|run|compile`. */
export function addCircuit(program: Command, signal: AbortSignal): void {
  const circuit = program
    .command("circuit")
    .description(
      "read, convert, draw, analyse, compile and run circuits (OpenQASM 2 and 3, OriginIR, JSON)",
    );
  addConvert(circuit, signal);
  addShow(circuit, signal);
  addStats(circuit, signal);
  addValidate(circuit, signal);
  addRun(circuit, signal);
  addCompile(circuit, signal);
}

function reading(command: Command): Command {
  return command
    .argument("<file>", "circuit, - for stdin")
    .option(
      "--from <format>",
      `overrides detection: ${circuitFormats.join(", ")}`,
      choiceOption(circuitFormats),
    )
    .option("--strict", "refuses what the published standard lacks");
}

function addConvert(circuit: Command, signal: AbortSignal): void {
  const command = reading(
    circuit.command("convert").description("prints a circuit in another format"),
  )
    .requiredOption("--to <format>", circuitFormats.join(", "), choiceOption(circuitFormats))
    .option(
      "--native",
      "OriginIR: only gates that the dialect has, without definitions and phases",
    );
  defineAction<ReadOptions & { to: CircuitFormat; native?: boolean }>(
    command,
    signal,
    async ([file = ""], options, { output }) => {
      const { circuit: read, format } = await openCircuit(file, options);
      const text = printAs(read, options.to, options.native === true);
      output.result({ from: format, to: options.to, text }, () => text.trimEnd());
    },
  );
}

function printAs(circuit: Circuit, format: CircuitFormat, native: boolean): string {
  if (!native) return printCircuit(circuit, format);
  if (format === "originir" || format === "originir2")
    return printOriginir(circuit, { dialect: format, native });
  throw QtuneError.fromIssues([
    { where: "--native", expected: "--to originir or originir2", given: `--to ${format}` },
  ]);
}

function addShow(circuit: Command, signal: AbortSignal): void {
  const command = reading(circuit.command("show").description("draws a circuit"))
    .option("--svg", "SVG instead of text")
    .option("--ascii", "plain ASCII instead of Unicode")
    .option("--fold <columns>", "wraps after so many columns; 0: never", integerOption(0, 100_000));
  defineAction<ReadOptions & { svg?: boolean; ascii?: boolean; fold?: number }>(
    command,
    signal,
    async ([file = ""], options, { output }) => {
      const { circuit: read } = await openCircuit(file, options);
      const style = options.svg === true ? "svg" : options.ascii === true ? "ascii" : "unicode";
      const fold =
        options.fold ??
        (style === "svg" ? undefined : process.stdout.isTTY ? process.stdout.columns : 120);
      const drawing = drawCircuit(read, {
        format: style,
        ...(fold === undefined ? {} : { width: fold }),
      });
      output.result({ style, drawing }, () => drawing.trimEnd());
    },
  );
}

function addStats(circuit: Command, signal: AbortSignal): void {
  defineAction<ReadOptions>(
    reading(circuit.command("stats").description("counts, depth, two-qubit depth, components")),
    signal,
    async ([file = ""], options, { output }) => {
      const { circuit: read, format } = await openCircuit(file, options);
      const stats = { format, ...circuitStats(read) };
      output.result(stats, () =>
        Object.entries(stats)
          .map(
            ([key, value]) =>
              `${key.padEnd(18)} ${typeof value === "object" ? JSON.stringify(value) : String(value)}`,
          )
          .join("\n"),
      );
    },
  );
}

function addValidate(circuit: Command, signal: AbortSignal): void {
  const command = reading(
    circuit.command("validate").description("says everything that is wrong with a circuit file"),
  );
  defineAction<ReadOptions>(command, signal, async ([file = ""], options, { output }) => {
    const { circuit: read, format, name } = await openCircuit(file, options);
    output.result(
      { valid: true, format, qubits: read.qubits, clbits: read.clbits },
      () =>
        `${name}: ${format}, ${count(read.qubits, "qubit")}, ${count(read.clbits, "classical bit")}: nothing wrong`,
    );
  });
}

function addRun(circuit: Command, signal: AbortSignal): void {
  const command = reading(
    circuit
      .command("run")
      .description("runs a circuit: exactly, by shots, on an emulated chip, or on a device"),
  )
    .option(
      "--shots <count>",
      "samples instead of exact probabilities",
      integerOption(1, 10_000_000),
    )
    .option("--seed <seed>", "fixes what is random", seedOption)
    .option("--precision <type>", "f64 or f32", choiceOption(["f64", "f32"]), "f64")
    .option("--top <count>", "only the likeliest outcomes", integerOption(1, 1_000_000))
    .option("--chip <chip>", "runs on an emulated chip: preset or calibration file")
    .option(
      "--layout <kind>",
      "auto, or physical: qubit i is qubit i of the chip",
      choiceOption(["auto", "physical"]),
      "auto",
    )
    .option("--target <address>", "runs at a device or simulator service: grpc://host:port");
  defineAction<RunCircuitOptions>(
    command,
    signal,
    async ([file = ""], options, context: CommandContext) =>
      runCircuitCommand(file, options, context),
  );
}

function addCompile(circuit: Command, signal: AbortSignal): void {
  const command = reading(
    circuit.command("compile").description("compiles a circuit to the pulses and CZ of a chip"),
  )
    .requiredOption("--chip <chip>", "preset or calibration file")
    .option("--level <level>", "0 to 3: how much is optimised", integerOption(0, 3), 2)
    .option("--seed <seed>", "of the routed trials", seedOption)
    .option("--layout <kind>", "auto or physical", choiceOption(["auto", "physical"]), "auto")
    .option(
      "--to <format>",
      `format of the native circuit: ${circuitFormats.join(", ")}`,
      choiceOption(circuitFormats),
      "originir",
    );
  defineAction<
    ReadOptions & {
      chip: string;
      level: 0 | 1 | 2 | 3;
      seed?: bigint;
      layout: "auto" | "physical";
      to: CircuitFormat;
    }
  >(command, signal, async ([file = ""], options, { output }) => {
    const { circuit: read } = await openCircuit(file, options);
    if (read.parameters.length > 0) {
      throw new QtuneError(
        "invalid_argument",
        `expected a circuit without open parameters but it has ${read.parameters.map((parameter) => parameter.name).join(", ")}`,
        { where: file },
      );
    }
    const chip = await openChip(options.chip, output);
    const compiled = compileCircuit(measureAllIfNone(read), {
      chip,
      level: options.level,
      layout: options.layout,
      nowMs: () => performance.now(),
      ...(options.seed === undefined ? {} : { seed: options.seed }),
    });
    const native = printCircuit(nativeCircuit(compiled), options.to);
    const document = {
      chip: chip.name,
      snapshot: newestSnapshot(chip).id,
      layout: compiled.layout.initial,
      finalLayout: compiled.layout.final,
      region: compiled.region,
      durationNs: compiled.durationNs,
      predictedFidelity: compiled.predictedFidelity,
      report: compiled.report,
      native,
    };
    output.result(document, () =>
      [
        native.trimEnd(),
        "",
        `layout (qubit -> chip): ${compiled.layout.initial.map((physical, qubit) => `${qubit} -> ${physical}`).join(", ")}`,
        `duration: ${compiled.durationNs} ns    predicted fidelity: ${JSON.stringify(compiled.predictedFidelity)}`,
      ].join("\n"),
    );
  });
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
