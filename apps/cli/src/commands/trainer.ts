import type { Command } from "commander";
import { addServe } from "./serve.ts";

/** Adds `qtune trainer serve`. */
export function addTrainer(program: Command, signal: AbortSignal): void {
  const trainer = program.command("trainer").description("training as a gRPC service");
  addServe(trainer, "trainer-daemon", "serves training runs over gRPC (options: --help)", signal);
}
