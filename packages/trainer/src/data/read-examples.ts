/** Reads data files into examples, recognising the usual shapes of records. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { type Issue, QtuneError } from "@qtune/base";
import type { ChatMessage } from "@qtune/llm";
import type { RunConfig } from "../config/run-config.ts";
import type { Example } from "./example.ts";

/** Shape of the records of a file. */
export type DataFormat = Exclude<RunConfig["data"]["format"], "auto">;

type RecordValue = Readonly<Record<string, unknown>>;

/** A record and where it stands. */
interface Located {
  readonly place: string;
  readonly line: number;
  readonly value: RecordValue;
}

/** Fields that tell a shape, and how its records become examples. The first row that fits is taken. */
const shapes: Readonly<
  Record<
    DataFormat,
    { fits(record: RecordValue): boolean; read(record: RecordValue, id: string): Example }
  >
> = {
  chat: {
    fits: (record) => Array.isArray(record["messages"]),
    read: (record, id) => ({
      id,
      kind: "chat",
      messages: messagesOf(record["messages"], "role", "content"),
    }),
  },
  sharegpt: {
    fits: (record) => Array.isArray(record["conversations"]),
    read: (record, id) => ({
      id,
      kind: "chat",
      messages: messagesOf(record["conversations"], "from", "value"),
    }),
  },
  cpsycoun: {
    fits: (record) => Array.isArray(record["turns"]),
    read: (record, id) => ({
      id,
      kind: "chat",
      messages: messagesOf(record["turns"], "role", "text"),
    }),
  },
  alpaca: {
    fits: (record) => typeof record["instruction"] === "string",
    read: (record, id) => ({ id, kind: "chat", messages: alpacaMessages(record) }),
  },
  tokens: {
    fits: (record) => Array.isArray(record["input_ids"]) && Array.isArray(record["labels"]),
    read: (record, id) => ({
      id,
      kind: "tokens",
      ids: (record["input_ids"] as unknown[]).map(Number),
      labels: (record["labels"] as unknown[]).map(Number),
    }),
  },
  prompt: {
    fits: (record) => promptOf(record) !== undefined,
    read: (record, id) => ({
      id,
      kind: "prompt",
      ...(promptOf(record) ?? { prompt: "", completion: "" }),
    }),
  },
  text: {
    fits: (record) => typeof record["text"] === "string",
    read: (record, id) => ({ id, kind: "text", text: String(record["text"]) }),
  },
};

/** Speakers as data sets call them. */
const roles: Readonly<Record<string, string>> = {
  human: "user",
  client: "user",
  gpt: "assistant",
  counselor: "assistant",
  bot: "assistant",
};

/** Pairs of fields that hold a question and its answer. */
const promptFields = [
  ["prompt", "completion"],
  ["question", "answer"],
  ["input", "output"],
] as const;

function promptOf(record: RecordValue): { prompt: string; completion: string } | undefined {
  for (const [prompt, completion] of promptFields) {
    if (typeof record[prompt] === "string" && typeof record[completion] === "string") {
      return { prompt: record[prompt], completion: record[completion] };
    }
  }
  return undefined;
}

function messagesOf(list: unknown, role: string, content: string): ChatMessage[] {
  const messages: ChatMessage[] = [];
  for (const item of list as RecordValue[]) {
    const speaker = String(item[role]);
    const text = String(item[content] ?? "");
    const name = roles[speaker] ?? speaker;
    const last = messages.at(-1);
    // Two turns of one speaker in a row are one message: templates expect speakers to alternate.
    if (last?.role === name)
      messages[messages.length - 1] = { role: name, content: `${last.content}\n${text}` };
    else messages.push({ role: name, content: text });
  }
  while (messages.length > 0 && messages.at(-1)?.role !== "assistant") messages.pop(); // nothing to learn after it
  return messages;
}

function alpacaMessages(record: RecordValue): ChatMessage[] {
  const system = record["system"];
  const history = (record["history"] ?? []) as readonly (readonly [string, string])[];
  const input = String(record["input"] ?? "");
  const question = [String(record["instruction"]), input].filter((part) => part !== "").join("\n");
  return [
    ...(typeof system === "string" && system !== "" ? [{ role: "system", content: system }] : []),
    ...history.flatMap(([user, assistant]) => [
      { role: "user", content: user },
      { role: "assistant", content: assistant },
    ]),
    { role: "user", content: question },
    { role: "assistant", content: String(record["output"] ?? "") },
  ];
}

/**
 * Reads the examples of a file: JSON lines, a JSON list, or the text of counselling dialogues.
 *
 * Errors: not_found without the file; invalid_argument with file, line, column and the line itself for each record that
 *         is no JSON or has another shape (twenty at most).
 */
export async function readExamples(
  file: string,
  format: DataFormat | "auto",
): Promise<readonly Example[]> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new QtuneError("not_found", "expected a readable data file", { where: file, cause });
  });
  return parseExamples(text.replace(/^\ufeff/, ""), path.basename(file), format);
}

/** Parses the text of a data file; `name` stands in the ids and in messages. */
export function parseExamples(
  text: string,
  name: string,
  format: DataFormat | "auto",
): readonly Example[] {
  if (name.endsWith(".txt")) return parseTextFile(text, name, format);
  const issues: Issue[] = [];
  const records = parseRecords(text, name, issues);
  const first = records[0];
  const shape = format === "auto" && first !== undefined ? recognise(first.value) : format;
  const examples: Example[] = [];
  for (const { value, place, line } of records) {
    if (shape === undefined || shape === "auto" || !shapes[shape].fits(value)) {
      const known = Object.keys(shapes).join(", ");
      issues.push({
        where: "data",
        file: name,
        line,
        column: 1,
        expected:
          shape === undefined || shape === "auto"
            ? `a record of a known shape (${known})`
            : `a ${shape} record`,
        given: `the fields ${Object.keys(value).join(", ")}`,
      });
    } else examples.push(shapes[shape].read(value, place));
  }
  if (issues.length > 0) throw QtuneError.fromIssues(issues.slice(0, 20));
  return examples;
}

function recognise(record: RecordValue): DataFormat | undefined {
  return (Object.keys(shapes) as DataFormat[]).find((format) => shapes[format].fits(record));
}

function parseRecords(text: string, name: string, issues: Issue[]): readonly Located[] {
  if (text.trimStart().startsWith("[")) {
    try {
      const list = JSON.parse(text) as RecordValue[];
      return list.map((value, index) => ({ value, place: `${name}[${index}]`, line: 1 }));
    } catch (cause) {
      throw new QtuneError("invalid_argument", "expected a JSON list", { where: name, cause });
    }
  }
  const records: Located[] = [];
  text.split(/\r?\n/).forEach((row, index) => {
    if (row.trim() === "") return;
    const line = index + 1;
    try {
      const value: unknown = JSON.parse(row);
      if (typeof value !== "object" || value === null || Array.isArray(value))
        throw new SyntaxError("no object");
      records.push({ value: value as RecordValue, place: `${name}:${line}`, line });
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : "";
      const position = /position (\d+)/.exec(message)?.[1]; // the engine tells it for some problems only
      const column = position === undefined ? undefined : Number(position) + 1;
      const from = Math.max(0, (column ?? 1) - 40);
      issues.push({
        where: "data",
        file: name,
        line,
        ...(column === undefined ? {} : { column }),
        expected: "one JSON object per line",
        given: message,
        hint: `near ${JSON.stringify(row.slice(from, from + 80))}`,
      });
    }
  });
  return records;
}

/** Counselling dialogues as text: `来访者：…` and `心理咨询师：…`, dialogues separated by blank lines. */
function parseTextFile(
  text: string,
  name: string,
  format: DataFormat | "auto",
): readonly Example[] {
  const speakers = /^(来访者|心理咨询师)[：:]\s*/;
  if (
    format === "text" ||
    (format === "auto" && !text.split(/\r?\n/).some((line) => speakers.test(line)))
  ) {
    return [{ id: name, kind: "text", text }];
  }
  const examples: Example[] = [];
  for (const [index, block] of text.split(/\r?\n\s*\r?\n/).entries()) {
    const turns: { role: string; text: string }[] = [];
    for (const line of block.split(/\r?\n/)) {
      const speaker = speakers.exec(line)?.[1];
      if (speaker !== undefined) {
        turns.push({
          role: speaker === "来访者" ? "client" : "counselor",
          text: line.replace(speakers, ""),
        });
      } else if (turns.length > 0) turns.at(-1)!.text += `\n${line}`; // a turn over several lines
    }
    const messages = messagesOf(turns, "role", "text");
    if (messages.length > 0) examples.push({ id: `${name}#${index + 1}`, kind: "chat", messages });
  }
  return examples;
}
