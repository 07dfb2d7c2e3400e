import { createRandom, QtuneError } from "@qtune/base";

const random = createRandom(7, "example");
if (random.nextUint32() !== createRandom(7, "example").nextUint32())
  throw new Error("a seed should fix the stream");
if (new QtuneError("not_found", "no such chip").code !== "not_found")
  throw new Error("the code is lost");
console.log("ok");
