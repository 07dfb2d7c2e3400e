import { type AdapterPreset, quickstartPresets } from "@qtune/adapters";

/** What stays the same in all arms of the quickstart. */
export const quickstartSettings = {
  model: "minimind2-small",
  steps: 75,
  examplesPerStep: 16,
  microBatchTokens: 512,
  warmupSteps: 8,
  validationItems: 100,
  testItems: 200,
  chip: "wukong-72",
  shots: 1000,
  probe: { steps: 3, tokens: 64 },
} as const;

/** One arm with the configuration of its run. */
export interface QuickstartArm {
  readonly preset: AdapterPreset;
  /** Folder name of its files. */
  readonly slug: string;
  readonly configJson: string;
}

/** Builds the four arms: they differ in adapter and learning rate, in nothing else. */
export function quickstartArms(model: string, seed: number): readonly QuickstartArm[] {
  const { steps, examplesPerStep, microBatchTokens, warmupSteps } = quickstartSettings;
  return quickstartPresets.map((preset) => ({
    preset,
    slug: preset.name
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^-|-$/g, ""),
    configJson: JSON.stringify({
      model,
      data: { source: "builtin:school-arithmetic", seed },
      adapter: preset.adapter,
      train: {
        steps,
        batchExamples: examplesPerStep,
        microBatchTokens,
        lr: preset.learningRate,
        schedule: "cosine",
        warmupSteps,
        seed,
      },
      executor: { kind: "exact" },
    }),
  }));
}

/** The arm whose adapter holds circuits. */
export function isQuantumArm(arm: QuickstartArm): boolean {
  return ["C", "BC", "ABC"].includes(arm.preset.adapter.kind);
}
