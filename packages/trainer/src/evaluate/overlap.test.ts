import { describe, expect, test } from "vitest";
import { characterBleu, rouge } from "./overlap.ts";

describe("characterBleu has the values of nltk 3.10 and sacrebleu 2.6", () => {
  test.each([
    ["非常好，理解这一点很重要。", "很好，理解这点非常重要。", 0.448691],
    ["我理解你的感受。", "我理解你的感受。", 1],
    ["我最近总是失眠，白天没有精神。", "你可以试着每天固定时间起床。", 0.031443],
    ["好的", "好的，我们慢慢来。", 0.095354],
    ["好的，我们慢慢来。", "好的", 0.017955],
    ["好的", "好", 0.130065],
    ["好的", "", 0],
  ])("%s | %s", (reference, hypothesis, score) => {
    expect(characterBleu(reference, hypothesis)).toBeCloseTo(score, 6);
  });
});

describe("rouge has the values of rouge_chinese on jieba's words", () => {
  test("for two sentences", () => {
    const reference = "非常 好 ， 理解 这 一点 很 重要 。".split(" ");
    const hypothesis = "很 好 ， 理解 这点 非常 重要 。".split(" ");
    const scores = rouge(reference, hypothesis);
    expect(scores.rouge1).toBeCloseTo(0.823529, 6);
    expect(scores.rouge2).toBeCloseTo(0.4, 6);
    expect(scores.rougeL).toBeCloseTo(0.588235, 6);
  });
  test("for an answer that goes on", () => {
    const scores = rouge(["好", "的"], "好 的 ， 我们 慢慢来 。".split(" "));
    expect(scores.rouge1).toBeCloseTo(0.5, 6);
    expect(scores.rouge2).toBeCloseTo(1 / 3, 6);
    expect(scores.rougeL).toBeCloseTo(0.5, 6);
  });
  test("for nothing", () => expect(rouge(["好"], [])).toEqual({ rouge1: 0, rouge2: 0, rougeL: 0 }));
});
