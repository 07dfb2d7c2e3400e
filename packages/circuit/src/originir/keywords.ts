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

/** Gates that QPanda3 (0.5.1) knows although its OriginIR has no words for them: it takes no definitions of these names. */
const builtInOfQpanda3 =
  "C3SQRTX C3X C4X CCX CCZ CH CPHASE CS CSDG CSWAP CSX CU1 CU3 CX CY DCX ECR ID PHASE R RC3X RCCX SDG SX SXDG TDG U0";

/** Names that a definition cannot have, in upper case: words, gates of either dialect and of QPanda3, and constants. */
export const originirKeywords: ReadonlySet<string> = new Set([
  ...statementWords,
  phaseGate,
  "PI",
  "Q",
  "C",
  ...builtInOfQpanda3.split(" "),
  ...gateTable.flatMap((gate) =>
    (["originir", "originir2"] as const).flatMap((format) =>
      [gate.spellings[format], ...(gate.aliases[format] ?? [])]
        .filter((one) => one.origin !== "own")
        .map((one) => one.name.toUpperCase()),
    ),
  ),
]);
