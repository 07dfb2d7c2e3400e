import type { AdapterKind } from "../adapter-config.ts";
import { ia3, lokr, tensorTrain, vera } from "./classical.ts";
import { lora } from "./lora.ts";
import type { AdapterMethod } from "./method.ts";
import { linearQtha, qtha } from "./qtha.ts";

/** Each kind of adapter once. */
export const methodTable: Readonly<Record<AdapterKind, AdapterMethod>> = {
  lora,
  A: linearQtha,
  B: linearQtha,
  AB: linearQtha,
  C: qtha,
  BC: qtha,
  ABC: qtha,
  BD: qtha,
  BE: qtha,
  BF: qtha,
  vera,
  lokr,
  tt: tensorTrain,
  ia3,
};
