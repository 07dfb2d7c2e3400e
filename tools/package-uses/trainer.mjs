import { parseRunConfig } from "@qtune/trainer";

const config = parseRunConfig("model: minimind2-small\nadapter: { kind: lora, rank: 8 }");
if (config.adapter.rank !== 8) throw new Error("the rank is lost");
try {
  parseRunConfig("model: minimind2-small\nadapter: { kind: lora, rnak: 8 }");
  throw new Error("a typo should be refused");
} catch (error) {
  if (!/did you mean rank/.test(error.message)) throw error;
}
console.log("ok");
