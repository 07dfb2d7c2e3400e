import { gateTable } from "../gate-table.ts";

/** Words that open, close or are statements, in upper case. */
export const statementWords = [
  "QINIT",
  "CREG",
  "MEASURE",
  "RESET",
  "BARRIER",
  "IDLE",
  "DAGGER",
  "ENDDAGGER",
  "CONTROL",
  "ENDCONTROL",
  "QGATE",
  "ENDQGATE",
  "QIF",
  "ELSE",
  "QELSE",
  "QELSEIF",
  "ENDQIF",
  "QENDIF",
  "ENDIF",
  "QWHILE",
  "ENDQWHILE",
  "QENDWHILE",
] as const;

/** The gate that stands for a phase; a name of ours, defined as a QGATE block over U4. */
export const phaseGate = "GPHASE";

/** Names that a definition cannot have, in upper case: words, gates of either dialect, and constants. */
export const originirKeywords: ReadonlySet<string> = new Set([
  ...statementWords,
  phaseGate,
  "PI",
  "Q",
  "C",
  ...gateTable.flatMap((gate) =>
    (["originir", "originir2"] as const).flatMap((format) =>
      [gate.spellings[format], ...(gate.aliases[format] ?? [])]
        .filter((one) => one.origin !== "own")
        .map((one) => one.name.toUpperCase()),
    ),
  ),
]);
