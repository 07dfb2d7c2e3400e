/**
 * `report.json`: what a quickstart or a study found, in one document (schema `qtune.report/1`). The HTML page and the
 * table on the terminal are views of it. Losses are nats per answer token, accuracies are shares in 0..1, intervals 95 %.
 */
export interface Report {
  readonly schema: "qtune.report/1";
  readonly title: string;
  /** How the numbers were made; the first line says on what the training ran. */
  readonly method: readonly string[];
  readonly model: {
    readonly name: string;
    readonly parameters: number;
    readonly source: string;
    readonly sha256: string;
  };
  readonly data: {
    readonly name: string;
    readonly train: number;
    readonly validation: number;
    readonly test: number;
    readonly unseenTemplates: number;
  };
  readonly seed: number;
  readonly arms: readonly ReportArm[];
  readonly chip?: ReportChip;
  /** Remarks that a reader must not miss. */
  readonly notes: readonly string[];
  readonly versions: Readonly<Record<string, string>>;
  /** Commands that reproduce the numbers. */
  readonly commands: readonly string[];
}

/** A share with its 95 % interval. */
export type Interval = readonly [low: number, high: number];

/** One way of adapting the model; `base` is the model as it came. */
export interface ReportArm {
  readonly name: string;
  readonly kind: string;
  readonly trainable: number;
  /** Trainable parameters against the reference arm, −0.75 is a quarter of them. Null for the base model. */
  readonly vsLora: number | null;
  readonly trainLoss: number | null;
  readonly valLoss: number;
  readonly valLossCi: Interval;
  readonly strict: number;
  readonly strictCi: Interval;
  readonly flexible: number;
  readonly flexibleCi: Interval;
  /** Strict accuracy on templates that training never showed. */
  readonly unseenStrict: number;
  readonly unseenStrictCi: Interval;
  readonly tokensPerSecond: number | null;
  readonly circuits: number;
  /** Training loss of each optimiser step. */
  readonly losses: readonly number[];
}

/** The quantum arm on the emulated chip. */
export interface ReportChip {
  readonly name: string;
  readonly snapshot: string;
  readonly synthetic: boolean;
  readonly circuits: number;
  readonly tasksPerBatch: number;
  readonly parallelMax: number;
  readonly parallelMean: number;
  readonly chipSeconds: number;
  readonly shots: number;
  readonly lossChip: number;
  readonly lossExact: number;
  /** Gradient of one adapter measured on the chip against the exact one, one entry per step. */
  readonly gradientSteps: readonly {
    readonly circuits: number;
    readonly chipSeconds: number;
    readonly cosine: number;
    readonly loss: number;
  }[];
}
