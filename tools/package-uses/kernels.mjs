import { availableBackends, createBackend } from "@qtune/kernels";

const kinds = await availableBackends();
const backend = await createBackend();
await backend.close?.();
if (kinds.length === 0) throw new Error("no backend at all");
console.log("ok", JSON.stringify(kinds));
