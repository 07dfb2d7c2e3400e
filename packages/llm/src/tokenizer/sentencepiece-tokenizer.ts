/**
 * SentencePiece `tokenizer.model` files of type BPE, as Llama 2 and its kin have them. Field numbers are those of
 * sentencepiece_model.proto. Unigram models and normalisation rules are left out: no supported family uses them, and a
 * file that needs them is refused.
 */
import { QtuneError } from "@qtune/base";
import {
  createProtoCursor,
  openRangeFile,
  type ProtoCursor,
  type ProtoField,
} from "@qtune/weights";
import { createScoreTokenizer, type Piece, pieceTypes } from "./score-tokenizer.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** What the file says besides its pieces, with the format's defaults. */
export interface ModelSettings {
  modelType: number;
  bosId: number;
  eosId: number;
  padId: number;
  hasRules: boolean;
  addDummyPrefix: boolean;
  removeExtraSpaces: boolean;
}

const unigram = 1;
const bpe = 2;

/**
 * Reads a SentencePiece model.
 *
 * Errors: not_found; data_loss for a damaged file; unimplemented for a model that is not BPE or that normalises text.
 */
export async function loadSentencePiece(
  filePath: string,
  chatTemplate?: string,
): Promise<Tokenizer> {
  const { pieces, settings } = await readSentencePiece(filePath);
  const idOrNone = (id: number): number | undefined => (id >= 0 ? id : undefined);
  return createScoreTokenizer(pieces, {
    space: "▁",
    dummyPrefix: settings.addDummyPrefix ? "text" : "none",
    removeExtraSpaces: settings.removeExtraSpaces,
    bosId: idOrNone(settings.bosId),
    eosId: idOrNone(settings.eosId),
    padId: idOrNone(settings.padId),
    addBos: true,
    addEos: false,
    parseControl: true,
    chatTemplate,
  });
}

/** Reads pieces and settings of a SentencePiece model; errors as loadSentencePiece. */
export async function readSentencePiece(
  filePath: string,
): Promise<{ readonly pieces: readonly Piece[]; readonly settings: Readonly<ModelSettings> }> {
  const file = await openRangeFile(filePath);
  try {
    const cursor = createProtoCursor(file);
    const pieces: Piece[] = [];
    const settings: ModelSettings = {
      modelType: unigram,
      bosId: 1,
      eosId: 2,
      padId: -1,
      hasRules: false,
      addDummyPrefix: true,
      removeExtraSpaces: true,
    };
    for await (const field of cursor.fields(0, file.sizeBytes)) {
      if (field.kind !== "bytes") continue;
      if (field.number === 1) pieces.push(await readPiece(cursor, field));
      if (field.number === 2) await readTrainer(cursor, field, settings);
      if (field.number === 3) await readNormalizer(cursor, field, settings);
    }
    assertSupported(pieces, settings, filePath);
    return { pieces, settings };
  } finally {
    await file.close();
  }
}

function assertSupported(pieces: readonly Piece[], settings: ModelSettings, file: string): void {
  if (pieces.length === 0) {
    throw new QtuneError("data_loss", "expected a SentencePiece model but there are no pieces", {
      where: file,
    });
  }
  if (settings.modelType !== bpe) {
    throw new QtuneError("unimplemented", "expected a SentencePiece model of type BPE", {
      where: file,
    });
  }
  if (settings.hasRules) {
    throw new QtuneError("unimplemented", "SentencePiece normalisation rules are not supported", {
      where: file,
    });
  }
}

type Message = Extract<ProtoField, { kind: "bytes" }>;

async function readPiece(cursor: ProtoCursor, message: Message): Promise<Piece> {
  let text = "";
  let score = 0;
  let type: number = pieceTypes.normal;
  for await (const field of cursor.fields(message.offset, message.end)) {
    if (field.number === 1) text = await cursor.text(field);
    if (field.number === 2) score = await cursor.float(field);
    if (field.number === 3 && field.kind === "varint") type = Number(field.value);
  }
  return { text, score, type };
}

/** TrainerSpec: model_type 3, bos_id 41, eos_id 42, pad_id 43. */
async function readTrainer(
  cursor: ProtoCursor,
  message: Message,
  settings: ModelSettings,
): Promise<void> {
  for await (const field of cursor.fields(message.offset, message.end)) {
    if (field.kind !== "varint") continue;
    const value = Number(BigInt.asIntN(32, field.value));
    if (field.number === 3) settings.modelType = value;
    if (field.number === 41) settings.bosId = value;
    if (field.number === 42) settings.eosId = value;
    if (field.number === 43) settings.padId = value;
  }
}

/** NormalizerSpec: precompiled_charsmap 2, add_dummy_prefix 3, remove_extra_whitespaces 4. */
async function readNormalizer(
  cursor: ProtoCursor,
  message: Message,
  settings: ModelSettings,
): Promise<void> {
  for await (const field of cursor.fields(message.offset, message.end)) {
    if (field.number === 2 && field.kind === "bytes") settings.hasRules = field.end > field.offset;
    if (field.kind !== "varint") continue;
    if (field.number === 3) settings.addDummyPrefix = field.value !== 0n;
    if (field.number === 4) settings.removeExtraSpaces = field.value !== 0n;
  }
}
