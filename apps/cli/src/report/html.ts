import { barChart, escapeText, lineChart, smooth } from "./chart.ts";
import type { Report, ReportChip } from "./report.ts";
import { columns } from "./table.ts";

/** One color per arm, readable on white and on black, told apart by color-blind readers (Okabe–Ito). */
const palette = [
  "#8a8a8a",
  "#0072b2",
  "#56b4e9",
  "#d55e00",
  "#e69f00",
  "#009e73",
  "#cc79a7",
  "#b09c00",
];

/** Renders a report as one HTML file that needs nothing else: no script, no font, no network. */
export function renderReport(report: Report): string {
  const color = (index: number): string => palette[index % palette.length] ?? "#000";
  const trained = report.arms
    .map((arm, index) => ({ arm, color: color(index) }))
    .filter(({ arm }) => arm.losses.length > 0);
  const curves = trained.map(({ arm, color: stroke }) => ({
    name: arm.name,
    color: stroke,
    values: smooth(arm.losses, 0.8),
    dashed: arm.kind !== "LORA" && arm.circuits === 0,
  }));
  const accuracy = report.arms.map((arm, index) => ({
    name: arm.name,
    color: color(index),
    value: arm.strict,
    low: arm.strictCi[0],
    high: arm.strictCi[1],
  }));
  const losses = report.arms.map((arm, index) => ({
    name: arm.name,
    color: color(index),
    value: arm.valLoss,
    low: arm.valLossCi[0],
    high: arm.valLossCi[1],
  }));
  const parts = [
    `<h1>${escapeText(report.title)}</h1>`,
    `<p class="lead">${escapeText(report.model.name)}, ${report.model.parameters.toLocaleString("en-US")} parameters, frozen. Trained on ${escapeText(report.data.name)}, ${report.data.train.toLocaleString("en-US")} examples, seed ${report.seed}.</p>`,
    methodBox(report.method),
    "<h2>Result</h2>",
    resultTable(report),
    `<p class="small">Losses in nats per answer token on ${report.data.validation.toLocaleString("en-US")} held-out items; accuracy by greedy generation on ${report.data.test.toLocaleString("en-US")} problems with numbers that training never showed, and on ${report.data.unseenTemplates.toLocaleString("en-US")} problems in unseen wording. Brackets: 95 % intervals (t over items for losses, Wilson for shares).</p>`,
    curves.length > 0
      ? lineChart(curves, {
          title: "Training loss (moving average; dashed: tensor network without circuit)",
          x: "optimiser step",
          y: "nats per answer token",
        })
      : "",
    barChart(accuracy, {
      title: "Strict accuracy, new numbers in known wording",
      max: niceShare(accuracy.map((bar) => bar.high)),
      print: (value) => `${(value * 100).toFixed(1)} %`,
    }),
    barChart(losses, {
      title: "Held-out loss",
      max: Math.max(...losses.map((bar) => bar.high)) * 1.05,
      print: (value) => value.toFixed(3),
    }),
    report.chip === undefined ? "" : chipSection(report.chip),
    report.notes.length > 0
      ? `<h2>Read this before quoting a number</h2><ul>${report.notes.map((note) => `<li>${escapeText(note)}</li>`).join("")}</ul>`
      : "",
    "<h2>Reproduce</h2>",
    `<pre>${report.commands.map(escapeText).join("\n")}</pre>`,
    `<p class="small">${Object.entries(report.versions)
      .map(([name, version]) => `${escapeText(name)} ${escapeText(version)}`)
      .join(
        " · ",
      )} · model ${escapeText(report.model.source)}, sha256 ${escapeText(report.model.sha256.slice(0, 16))}…</p>`,
    `<p class="small">QTune is not affiliated with Origin Quantum. "Quantum" here means a quantum-circuit adapter that is classically simulable at this size.</p>`,
  ];
  return `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeText(report.title)}</title><style>${style}</style></head><body><main>\n${parts.filter((part) => part !== "").join("\n")}\n</main></body></html>\n`;
}

function methodBox(lines: readonly string[]): string {
  const [first, ...rest] = lines;
  const more =
    rest.length === 0
      ? ""
      : `<ul>${rest.map((line) => `<li>${escapeText(line)}</li>`).join("")}</ul>`;
  return `<aside class="method"><p><strong>${escapeText(first ?? "")}</strong></p>${more}</aside>`;
}

function resultTable(report: Report): string {
  const head = columns.map((column) => `<th scope="col">${escapeText(column.title)}</th>`).join("");
  const rows = report.arms.map(
    (arm) =>
      `<tr>${columns.map((column, index) => (index === 0 ? `<th scope="row">${escapeText(column.print(arm))}</th>` : `<td>${escapeText(column.print(arm))}</td>`)).join("")}</tr>`,
  );
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${rows.join("")}</tbody></table></div>`;
}

function chipSection(chip: ReportChip): string {
  const facts: [string, string][] = [
    [
      "chip",
      `${chip.name}, calibration ${chip.snapshot}${chip.synthetic ? " (synthetic, drawn from published statistics)" : ""}`,
    ],
    ["quantum tasks that one batch triggered", chip.tasksPerBatch.toLocaleString("en-US")],
    [
      "circuits side by side on the chip",
      `${chip.parallelMean.toFixed(1)} in the mean, ${chip.parallelMax} at most`,
    ],
    ["shots per circuit", chip.shots.toLocaleString("en-US")],
    ["circuits in all", chip.circuits.toLocaleString("en-US")],
    ["chip seconds (virtual clock)", chip.chipSeconds.toFixed(1)],
    [
      "loss on the chip, against the exact simulator",
      `${chip.lossChip.toFixed(4)} against ${chip.lossExact.toFixed(4)} (${chip.lossChip >= chip.lossExact ? "+" : "−"}${Math.abs(chip.lossChip - chip.lossExact).toFixed(4)})`,
    ],
  ];
  const steps = chip.gradientSteps.map(
    (step, index) =>
      `<tr><th scope="row">${index + 1}</th><td>${step.circuits.toLocaleString("en-US")}</td><td>${step.chipSeconds.toFixed(1)}</td><td>${step.loss.toFixed(4)}</td><td>${step.cosine.toFixed(3)}</td></tr>`,
  );
  const gradient =
    steps.length === 0
      ? ""
      : `<h3>Gradient measured on the chip by parameter shift</h3><p class="small">One adapter (last layer, q_proj), sampled tokens; the other gradients of these steps are exact.</p><div class="scroll"><table><thead><tr><th scope="col">step</th><th scope="col">circuits</th><th scope="col">chip seconds</th><th scope="col">loss</th><th scope="col">cosine to the exact gradient</th></tr></thead><tbody>${steps.join("")}</tbody></table></div>`;
  return `<h2>On the emulated chip</h2><dl>${facts.map(([name, value]) => `<div><dt>${escapeText(name)}</dt><dd>${escapeText(value)}</dd></div>`).join("")}</dl>${gradient}`;
}

function niceShare(values: readonly number[]): number {
  const top = Math.max(0.1, ...values);
  return Math.min(1, Math.ceil(top * 10) / 10);
}

const style = `
:root{color-scheme:light dark;--ink:#1b1f24;--muted:#59636e;--paper:#fff;--line:#d5dae0;--box:#f3f6f9}
@media (prefers-color-scheme:dark){:root{--ink:#e8ebef;--muted:#9aa5b1;--paper:#14171b;--line:#343b43;--box:#1d2228}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI","Noto Sans",sans-serif}
main{max-width:1120px;margin:0 auto;padding:40px 20px 80px}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .4em}h2{font-size:1.3rem;margin:2.2em 0 .6em}h3{font-size:1.05rem;margin:1.6em 0 .4em}
.lead{font-size:1.1rem;color:var(--muted);margin:0 0 1.4em}.small{font-size:.85rem;color:var(--muted)}
.method{background:var(--box);border-left:4px solid #0072b2;padding:12px 18px;border-radius:0 6px 6px 0}.method p{margin:0}.method ul{margin:.5em 0 0;padding-left:1.2em}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.8rem;font-variant-numeric:tabular-nums}
th,td{padding:7px 6px;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}th[scope=row],thead th:first-child{text-align:left;font-weight:600}thead th{color:var(--muted);font-weight:600}
figure{margin:1.8em 0}figcaption{font-weight:600;margin-bottom:.5em}svg{width:100%;height:auto;display:block}
svg text{fill:var(--muted);font-size:12px;font-family:inherit}.grid{stroke:var(--line)}.whisker{stroke:var(--ink);stroke-width:1.5}
.legend{display:flex;flex-wrap:wrap;gap:6px 18px;font-size:.85rem;color:var(--muted);margin:.4em 0 0}.legend i{display:inline-block;width:14px;height:4px;border-radius:2px;margin-right:6px;vertical-align:middle}
dl{margin:0}dl div{display:flex;gap:16px;justify-content:space-between;border-bottom:1px solid var(--line);padding:7px 0}dt{color:var(--muted)}dd{margin:0;text-align:right;font-variant-numeric:tabular-nums}
pre{background:var(--box);padding:12px 16px;border-radius:6px;overflow-x:auto;font-size:.85rem}
@media print{main{padding:0}}
`.replaceAll("\n", "");
