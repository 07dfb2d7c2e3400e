// For users.
export {
  type Architecture,
  type ModelConfig,
  type RopeConfig,
  type RopeScaling,
} from "./config/model-config.ts";
export { type ParseConfigOptions, parseModelConfig } from "./config/parse-config.ts";
