/** A long text is put together portion by portion, so that the pieces of its lines do not live until the end. */
export interface Portions {
  /** Moves many waiting lines into the text; few are left where they are. */
  fold(lines: string[]): void;
  /** Returns everything, the waiting lines at the end, each line with its line feed. */
  finish(lines: string[]): string;
}

const portionLines = 4096;

/** Creates an empty text. */
export function createPortions(): Portions {
  const done: string[] = [];
  const take = (lines: string[]): void => {
    done.push(lines.join("\n"), "\n");
    lines.length = 0;
  };
  return {
    fold: (lines) => {
      if (lines.length >= portionLines) take(lines);
    },
    finish: (lines) => {
      if (lines.length > 0) take(lines);
      return done.join("");
    },
  };
}
