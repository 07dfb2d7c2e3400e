/**
 * A served model in the hands of the programs it is served for: OpenAI's Python client, and lm-evaluation-harness. Needs
 * QTUNE_SLOW=1; installs openai and lm_eval from PyPI (made with 3.57.0 and 0.4.13).
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { findPython, printSkipReason, wantsSlowTests } from "@qtune/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeTinyModel } from "./tiny-model.ts";

const run = promisify(execFile);
const token = "a-token-for-this-test";
const question = "Two and two is";
const choices = [" four", " five", " a fish"];

describe.runIf(wantsSlowTests())("a served model", () => {
  let folder = "";
  let address = "";
  let stop = async (): Promise<void> => {};
  let [python, reason] = ["", ""];
  beforeAll(async () => {
    const found = findPython(
      "openai",
      ["openai", "lm_eval[api]", "transformers"],
      "import openai, lm_eval",
    );
    [python, reason] = [found.python ?? "", found.reason ?? ""];
    folder = await mkdtemp(path.join(tmpdir(), "qtune-openai-"));
    const model = path.join(folder, "model");
    await writeTinyModel(model);
    const tokens = path.join(folder, "tokens.json");
    await writeFile(tokens, JSON.stringify([{ name: "test", token }]));
    const entry = path.resolve(import.meta.dirname, "../src/main.ts");
    const server = spawn(
      process.execPath,
      ["--conditions=@qtune/source", entry, "serve", model, "--json"].concat([
        ...["--port", "0", "--name", "tiny", "--token-file", tokens],
      ]),
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    stop = async () => {
      server.kill("SIGINT");
      if (server.exitCode === null) await once(server, "exit");
    };
    const [line] = (await once(createInterface(server.stdout), "line")) as [string];
    address = (JSON.parse(line) as { address: string }).address;
  }, 300_000);
  afterAll(async () => {
    await stop();
    await rm(folder, { recursive: true, force: true });
  });

  test("answers OpenAI's Python client", { timeout: 120_000 }, async ({ skip }) => {
    if (python === "") {
      printSkipReason(reason);
      return skip(reason);
    }
    const script = path.join(import.meta.dirname, "openai_client.py");
    const { stdout } = await run(python, [script, address, token]);
    const result = JSON.parse(stdout) as Record<string, unknown>;
    expect(result).toMatchObject({
      streamed: result["chat"],
      scored: [3, 1],
      refused: {
        model: ["NotFoundError", "model_not_found"],
        context: ["BadRequestError", "context_length_exceeded"],
        key: ["AuthenticationError", "invalid_api_key"],
      },
    });
    const [whole, streamed] = result["usage"] as number[];
    expect(streamed).toBe(whole);
  });

  test(
    "is scored by lm-evaluation-harness as by its own log-probabilities",
    { timeout: 300_000 },
    async ({ skip }) => {
      if (python === "") {
        printSkipReason(reason);
        return skip(reason);
      }
      await writeTask(folder);
      await run(
        path.join(path.dirname(python), "lm_eval"),
        ["run", "--model", "local-completions", "--tasks", "tiny_choice"].concat(
          ["--model_args", `model=tiny,base_url=${address}/completions,auth_token=${token}`],
          ["--include_path", folder, "--output_path", path.join(folder, "out"), "--log_samples"],
        ),
        { cwd: folder, env: { ...process.env, HF_HUB_OFFLINE: "1", OPENAI_API_KEY: token } },
      );
      const out = path.join(folder, "out", "tiny");
      const file = (await readdir(out)).find((name) => name.startsWith("samples_")) ?? "";
      const { resps } = JSON.parse((await readFile(path.join(out, file), "utf8")).trim()) as {
        resps: [[string, string]][];
      };
      for (const [k, choice] of choices.entries()) {
        const scored = Number(resps[k]?.[0][0]);
        expect(scored).toBeCloseTo(await likelihoodOf(address, choice), 3);
      }
    },
  );
});

/** One question with three answers, in the harness's form. */
async function writeTask(folder: string): Promise<void> {
  const data = path.join(folder, "data.jsonl");
  await writeFile(data, `${JSON.stringify({ question, choices })}\n`);
  await writeFile(
    path.join(folder, "tiny_choice.yaml"),
    [
      "task: tiny_choice",
      "dataset_path: json",
      `dataset_kwargs: {data_files: {test: ${data}}}`,
      "test_split: test",
      "output_type: multiple_choice",
      'doc_to_text: "{{question}}"',
      'doc_to_choice: "{{choices}}"',
      "doc_to_target: 0",
      'target_delimiter: ""',
      "metric_list: [{metric: acc}]",
    ].join("\n"),
  );
}

/** Sum of the log-probabilities of an answer's bytes, asked for without the harness. */
async function likelihoodOf(address: string, choice: string): Promise<number> {
  const response = await fetch(`${address}/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ prompt: question + choice, max_tokens: 0, echo: true, logprobs: 0 }),
  });
  const { choices: answers } = (await response.json()) as {
    choices: [{ logprobs: { token_logprobs: (number | null)[] } }];
  };
  return answers[0].logprobs.token_logprobs
    .slice(-choice.length)
    .reduce<number>((sum, value) => sum + (value ?? 0), 0);
}
