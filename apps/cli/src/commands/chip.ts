import { writeFile } from "node:fs/promises";
import type { Command } from "commander";
import {
  type ChipModel,
  type ChipOptions,
  chipFormats,
  diffSnapshots,
  drawChipSvg,
  drawChipText,
  fitChip,
  listChips,
  newestSnapshot,
  printChipCalibration,
  printSnapshotDiff,
  readChipFile,
  readRealRuns,
} from "@qtune/chip";
import { openChip } from "../chip-argument.ts";
import { defineAction } from "../command.ts";
import { readInput } from "../input.ts";
import { numberOption } from "../number-option.ts";

/** Options that vary a preset. */
interface PresetOptions {
  readonly chipSeed?: string;
  readonly yield?: number;
}

/** Adds `qtune chip list|show|import|diff|fit`. */
export function addChip(program: Command, signal: AbortSignal): void {
  const chip = program
    .command("chip")
    .description("chips: presets, calibration files, noise fitted to real runs");
  addList(chip, signal);
  addShow(chip, signal);
  addImport(chip, signal);
  addDiff(chip, signal);
  addFit(chip, signal);
}

function addList(chip: Command, signal: AbortSignal): void {
  defineAction(
    chip.command("list").description("the chips that can be named"),
    signal,
    async (_, __, { output }) => {
      const chips = listChips();
      output.result({ chips }, () =>
        chips.map((row) => `${row.name.padEnd(14)} ${row.meaning}`).join("\n"),
      );
    },
  );
}

function addShow(chip: Command, signal: AbortSignal): void {
  const command = presetOptions(
    chip
      .command("show")
      .description("qubits, couplers and errors of a chip as a map")
      .argument("<chip>", "preset or file"),
  ).option("--svg <file>", "writes a heat map; - for stdout");
  defineAction<PresetOptions & { svg?: string }>(
    command,
    signal,
    async ([name = ""], options, { output }) => {
      const model = await openChip(name, output, chipOptions(options));
      const snapshot = newestSnapshot(model);
      if (options.svg !== undefined) {
        const svg = drawChipSvg(model, snapshot);
        if (options.svg === "-") process.stdout.write(svg);
        else await writeFile(options.svg, svg);
        if (options.svg !== "-") output.result({ file: options.svg }, () => `wrote ${options.svg}`);
        return;
      }
      output.result(describeChip(model), () => drawChipText(model, snapshot));
    },
  );
}

function addImport(chip: Command, signal: AbortSignal): void {
  const names = chipFormats.map((format) => format.name).join(", ");
  const command = chip
    .command("import")
    .description(`reads a vendor's calibration file and writes ours (formats: ${names})`)
    .argument("<file>", "calibration file, - for stdin")
    .option("--format <name>", "overrides detection")
    .option("--out <file>", "where the calibration goes; default stdout");
  defineAction<{ format?: string; out?: string; json?: boolean }>(
    command,
    signal,
    async ([file = ""], options, { output }) => {
      const { name, text } = await readInput(file);
      const imported = readChipFile(text, {
        fileName: name,
        ...(options.format === undefined ? {} : { format: options.format }),
      });
      for (const warning of imported.warnings)
        output.note(`${name}: ${warning.where}: ${warning.hint ?? warning.given ?? ""}`);
      const calibration = printChipCalibration(imported.chip);
      if (options.out !== undefined) await writeFile(options.out, calibration);
      const summary = {
        ...describeChip(imported.chip),
        format: imported.format,
        ...(options.out === undefined ? {} : { file: options.out }),
      };
      output.result(options.out === undefined ? JSON.parse(calibration) : summary, () =>
        options.out === undefined
          ? calibration.trimEnd()
          : `${imported.chip.title}: ${summary.qubits} qubits, ${summary.couplers} couplers (${imported.format}); wrote ${options.out}`,
      );
    },
  );
}

function addDiff(chip: Command, signal: AbortSignal): void {
  const command = chip
    .command("diff")
    .description("what changed between two calibrations")
    .argument("<before>", "chip or file")
    .argument("<after>", "chip or file");
  defineAction(command, signal, async ([before = "", after = ""], _, { output }) => {
    const diff = diffSnapshots(
      newestSnapshot(await openChip(before, output)),
      newestSnapshot(await openChip(after, output)),
    );
    output.result(diff, () => printSnapshotDiff(diff));
  });
}

function addFit(chip: Command, signal: AbortSignal): void {
  const command = chip
    .command("fit")
    .description(
      "fits readout, an incoherent two-qubit factor and coherent phases to real counts, by maximum likelihood",
    )
    .argument("<runs>", "counts in the form of qtune.real-runs/1")
    .requiredOption("--chip <file>", "calibration to start from")
    .option("--out <file>", "writes the fitted calibration")
    .option(
      "--exclude <ids>",
      "runs that are predicted but not fitted, comma-separated",
      (text: string) => text.split(","),
    );
  defineAction<{ chip: string; out?: string; exclude?: string[] }>(
    command,
    signal,
    async ([file = ""], options, { output }) => {
      const model = await openChip(options.chip, output);
      const { name, text } = await readInput(file);
      const runs = readRealRuns(text, { fileName: name });
      const fit = fitChip(
        runs,
        model,
        options.exclude === undefined ? {} : { exclude: options.exclude },
      );
      if (options.out !== undefined) await writeFile(options.out, printChipCalibration(fit.chip));
      output.result(
        {
          parameters: fit.parameters,
          runs: fit.runs,
          ...(options.out === undefined ? {} : { file: options.out }),
        },
        () =>
          [
            ...fit.parameters.map(
              (row) =>
                `${row.name.padEnd(34)} ${row.value.toPrecision(4).padStart(10)}  [${row.low.toPrecision(4)}, ${row.high.toPrecision(4)}]${row.adopted ? "" : "  offered, left out"}`,
            ),
            "",
            ...fit.runs.map(
              (run) =>
                `${run.id.padEnd(34)} ${run.used ? "fitted   " : "predicted"}  TVD ${run.tvd.toFixed(3)} (was ${run.tvdBefore.toFixed(3)})  sampling floor ${run.floor.toFixed(3)}`,
            ),
            ...fit.skipped.map((run) => `${run.id.padEnd(34)} skipped: ${run.reason}`),
            ...(options.out === undefined ? [] : ["", `wrote ${options.out}`]),
          ].join("\n"),
      );
    },
  );
}

function presetOptions(command: Command): Command {
  return command
    .option("--chip-seed <seed>", "seed of a preset's synthetic calibration")
    .option(
      "--yield <share>",
      "share of the couplers of a preset that are calibrated",
      numberOption(0, 1),
    );
}

function chipOptions(options: PresetOptions): ChipOptions {
  return {
    ...(options.chipSeed === undefined ? {} : { seed: options.chipSeed }),
    ...(options.yield === undefined ? {} : { couplerYield: options.yield }),
  };
}

function describeChip(model: ChipModel): {
  readonly name: string;
  readonly title: string;
  readonly snapshot: string;
  readonly kind: string;
  readonly qubits: number;
  readonly couplers: number;
  readonly topologyQubits: number;
} {
  const snapshot = newestSnapshot(model);
  return {
    name: model.name,
    title: model.title,
    snapshot: snapshot.id,
    kind: snapshot.kind,
    qubits: snapshot.qubits.length,
    couplers: snapshot.couplers.length,
    topologyQubits: model.topology.qubits,
  };
}
