// For users.
export {
  type Architecture,
  type ModelConfig,
  type RopeConfig,
  type RopeScaling,
} from "./config/model-config.ts";
export { type ParseConfigOptions, parseModelConfig } from "./config/parse-config.ts";
export {
  type ModelIdentity,
  type OpenedModel,
  type OpenModelOptions,
  openModel,
} from "./sources/open-model.ts";
export { type ModelPlace, type ModelRow, modelTable } from "./sources/model-table.ts";
export { type ModelSource, parseModelSource, printModelSource } from "./sources/model-source.ts";
export { type TokenizerFiles } from "./sources/model-files.ts";
export { assertVocabulary } from "./tokenizer/assert-vocabulary.ts";
export { loadTokenizer } from "./tokenizer/load-tokenizer.ts";
export {
  type DecodeOptions,
  type EncodeOptions,
  type SpecialTokens,
  type Tokenizer,
} from "./tokenizer/tokenizer.ts";
export { type ChatMessage, type RenderChatOptions } from "./template/chat-message.ts";
export { renderChat } from "./template/render-chat.ts";
export { type EncodedChat, encodeChat } from "./template/encode-chat.ts";
export {
  type ExportOptions,
  type ExportSafetensorsOptions,
  type ExportedModel,
  exportSafetensors,
} from "./export/export-safetensors.ts";
export {
  type ExportGgufOptions,
  type LoraModule,
  exportGguf,
  exportGgufLora,
} from "./export/export-gguf.ts";
export { type MergeWeight } from "./export/weight-plan.ts";
export { type CardFacts, printModelCard } from "./export/model-card.ts";
export { type Sequence } from "./model/batch.ts";
export {
  type BatchLoss,
  type DecoderOptions,
  type DecoderProgram,
  type ScoringOptions,
  createScoringProgram,
  createTrainingProgram,
} from "./model/decoder-program.ts";
export { type BaseWeights, type QuantisedKernel, type Recompute } from "./model/decoder.ts";
export {
  type GenerationMemoryEstimate,
  type GenerationMemoryQuestion,
  type MemoryEstimate,
  type MemoryQuestion,
  assertGenerationMemory,
  assertMemory,
  estimateDecoderMemory,
  estimateGenerationMemory,
} from "./model/memory.ts";
export { type LinearCall, type LinearModule, type OnLinear } from "./model/on-linear.ts";
export {
  type GenerateOptions,
  type GeneratedToken,
  type Generator,
  type GeneratorOptions,
  type QueuedRow,
  type RowQueue,
  type ServeRowsOptions,
  createGenerator,
  defaultPieceTokens,
} from "./generation/generator.ts";
export {
  type Generation,
  type RowRequest,
  type RowToken,
  type TokenScores,
  assertRow,
} from "./generation/row.ts";
export { type TextStream, createTextStream } from "./generation/text-stream.ts";
export { type SamplingOptions, type TokenLikelihood } from "./generation/sampler.ts";
export {
  type BaseQuality,
  type BaseQualityRow,
  type QualityRequest,
  findBaseQuality,
  measureBaseQuality,
  saveBaseQuality,
} from "./quality/base-quality.ts";
export {
  type RowScheduler,
  type RowSchedulerOptions,
  type SchedulerLoad,
  createRowScheduler,
} from "./serving/row-scheduler.ts";
export { type ServedModel, type ServedModels, serveOneModel } from "./serving/served-model.ts";
export {
  type HttpHandler,
  type OpenAiHandlerOptions,
  createOpenAiHandler,
} from "./serving/openai-handler.ts";
export { type HttpServer, type HttpServerOptions, startHttpServer } from "./serving/http-server.ts";

// For other packages.
export { type WeightPlace, listWeights } from "./config/weight-names.ts";
export { defaultCacheDir } from "./sources/cache-folder.ts";
export {
  type DecoderGraph,
  buildDecoderGraph,
  createDecoderFeeds,
} from "./model/decoder-program.ts";
