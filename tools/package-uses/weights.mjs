import { openSafetensors, writeSafetensors } from "@qtune/weights";

const bytes = new Uint8Array(Float32Array.of(1, 2).buffer);
await writeSafetensors("two.safetensors", [
  { name: "two", dtype: "F32", shape: [2], read: () => bytes },
]);
const file = await openSafetensors("two.safetensors");
const values = await file.tensors.get("two").readFloat32();
await file.close();
if (values[1] !== 2) throw new Error("what was written should be read");
console.log("ok");
