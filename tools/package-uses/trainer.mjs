import { parseRunConfig } from "@qtune/trainer";

const config = parseRunConfig("model: minimind2-small\nadapter: { kind: lora, rank: 8 }");
if (config.adapter.rank !== 8) throw new Error("the rank is lost");
let issues = [];
try {
  parseRunConfig("model: minimind2-small\nadapter: { kind: lora, rnak: 8 }");
} catch (error) {
  issues = error.issues;
}
if (!issues.some(({ hint }) => /did you mean rank/.test(hint ?? ""))) {
  throw new Error("a typo should be refused with the word that was meant");
}
console.log("ok");
