import { QtuneError } from "@qtune/base";
import type { trainingV1 } from "@qtune/contracts";
import type { ServiceHandlers } from "@qtune/rpc";
import type { Target } from "../run-engine.ts";
import { checkpointTarget } from "./checkpoint-handlers.ts";
import { pageSize } from "./names.ts";
import type { TrainerPorts } from "./ports.ts";
import { streamWithProgress } from "./progress-stream.ts";

type Handlers = ServiceHandlers<typeof trainingV1.TrainerServiceService>;

/** Creates the handlers that use a model: evaluate, probe, generate. */
export function createModelHandlers(
  ports: TrainerPorts,
): Pick<Handlers, "listModels" | "evaluate" | "probeGradient" | "generate"> {
  const targetOf = async (reference: trainingV1.ModelReference | undefined): Promise<Target> => {
    const target = reference?.target;
    if (target === undefined)
      throw new QtuneError(
        "invalid_argument",
        "expected a model id or a checkpoint but neither was given",
        { where: "target" },
      );
    return target.$case === "model"
      ? { kind: "model", model: target.value }
      : checkpointTarget(ports, target.value);
  };
  return {
    listModels: async ({ pageSize: size, pageToken }) => {
      const all = [...ports.engine.listModels()].sort((a, b) => (a.id < b.id ? -1 : 1));
      const rest = all.filter((model) => model.id > pageToken);
      const page = rest.slice(0, pageSize(size));
      return {
        models: page,
        nextPageToken: rest.length > page.length ? (page.at(-1)?.id ?? "") : "",
      };
    },
    evaluate: async function* ({ target, configJson, executorJson }, { signal }) {
      const chosen = await targetOf(target);
      const steps = streamWithProgress((onProgress) =>
        ports.engine.evaluate(chosen, { configJson, executorJson }, { signal, onProgress }),
      );
      for await (const step of steps) {
        yield {
          event:
            step.kind === "progress"
              ? { $case: "progress", value: step.progress }
              : { $case: "evaluation", value: step.value },
        };
      }
    },
    probeGradient: async function* (
      { checkpoint, module, tokens, steps, executorJson },
      { signal },
    ) {
      const chosen = await checkpointTarget(ports, checkpoint);
      const request = { module, tokens: tokens ?? 64, steps: steps ?? 3, executorJson };
      const queue: trainingV1.GradientProbe[] = [];
      const stream = streamWithProgress(async (onProgress) => {
        for await (const probe of ports.engine.probeGradient(chosen, request, {
          signal,
          onProgress,
        })) {
          queue.push(probe);
          onProgress({ phase: "probe", done: probe.step, total: request.steps, unit: "steps" });
        }
      });
      for await (const step of stream) {
        for (const probe of queue.splice(0)) yield { event: { $case: "probe", value: probe } };
        if (step.kind === "progress") yield { event: { $case: "progress", value: step.progress } };
      }
    },
    generate: async function* (request, { signal }) {
      yield* ports.engine.generate(await targetOf(request.target), request, { signal });
    },
  };
}
