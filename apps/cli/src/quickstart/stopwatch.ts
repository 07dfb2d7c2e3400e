import type { Output } from "../output.ts";

/** Prints what begins and how long what came before took. */
export interface Stopwatch {
  begin(phase: string, remark?: string): void;
  end(): void;
}

/** Creates a stopwatch that writes to the notes of a command. */
export function createStopwatch(output: Output): Stopwatch {
  const started = performance.now();
  let phase = "";
  let since = started;
  const seconds = (from: number): string => `${((performance.now() - from) / 1000).toFixed(1)} s`;
  const finish = (): void => {
    if (phase !== "") output.note(`  ${phase} took ${seconds(since)}`);
  };
  return {
    begin: (next, remark) => {
      finish();
      if (remark !== undefined) output.note(remark);
      phase = next;
      since = performance.now();
      output.note(`${next} ...`);
    },
    end: () => {
      finish();
      output.note(`all took ${seconds(started)}`);
    },
  };
}
