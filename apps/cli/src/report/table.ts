import type { Interval, Report, ReportArm } from "./report.ts";

/** The columns of the result table, the same on the terminal and in HTML. */
export const columns: readonly {
  readonly title: string;
  readonly print: (arm: ReportArm) => string;
}[] = [
  { title: "arm", print: (arm) => arm.name },
  { title: "trainable", print: (arm) => arm.trainable.toLocaleString("en-US") },
  {
    title: "vs LoRA r 8",
    print: (arm) =>
      arm.vsLora === null ? "–" : arm.vsLora === 0 ? "reference" : printChange(arm.vsLora),
  },
  {
    title: "train loss",
    print: (arm) => (arm.trainLoss === null ? "–" : arm.trainLoss.toFixed(4)),
  },
  {
    title: "val loss",
    print: (arm) =>
      `${arm.valLoss.toFixed(4)} ${printInterval(arm.valLossCi, (value) => value.toFixed(3))}`,
  },
  { title: "strict", print: (arm) => printShare(arm.strict, arm.strictCi) },
  { title: "flexible", print: (arm) => printShare(arm.flexible, arm.flexibleCi) },
  { title: "unseen templates", print: (arm) => printShare(arm.unseenStrict, arm.unseenStrictCi) },
  {
    title: "tokens/s",
    print: (arm) =>
      arm.tokensPerSecond === null ? "–" : Math.round(arm.tokensPerSecond).toLocaleString("en-US"),
  },
];

/** Prints the result table in aligned columns. */
export function printTable(report: Report): string {
  const rows = [
    columns.map((column) => column.title),
    ...report.arms.map((arm) => columns.map((column) => column.print(arm))),
  ];
  const widths = columns.map((_, index) => Math.max(...rows.map((row) => row[index]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, index) =>
        index === 0 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0),
      )
      .join("  "),
  );
  lines.splice(1, 0, widths.map((width) => "─".repeat(width)).join("  "));
  return lines.join("\n");
}

/** Prints a relative change: −75.0 %. */
export function printChange(change: number): string {
  return `${change < 0 ? "−" : "+"}${Math.abs(change * 100).toFixed(1)} %`;
}

function printShare(share: number, interval: Interval): string {
  return `${(share * 100).toFixed(1)} % ${printInterval(interval, (value) => (value * 100).toFixed(0))}`;
}

function printInterval([low, high]: Interval, print: (value: number) => string): string {
  return `[${print(low)}, ${print(high)}]`;
}
