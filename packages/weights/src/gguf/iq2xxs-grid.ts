/**
 * The code book of IQ2_XXS: 256 groups of 8 magnitudes. It is part of the format, taken over as data from ggml (MIT, The
 * ggml authors) in the packed form of the Python package gguf 0.19.0; see NOTICE. Two bits stand for one of 8, 25, 43.
 */
const packed =
  "AAACAAUACAAKABEAFAAgACIAKAAqAEEARABQAFgAYQBkAIAAggCKAKIAAQEEARABFQFAAYQBmAEAAgICIgKCAgEEBAQQ" +
  "BCEEJARABEIESARgBIEEhASQBKQEAAUCBQgFIAVGBWkFgAWRBQkGEAZABoQGpAYACAUICAgUCCgIQQhECFAIUgiICAQJ" +
  "QAkCChQKARAEEBAQIRBAEGAQhBCQEJUQABEIESARUBFaEYARJBJFEgAUCBQgFCUUSRSAFBgVYhUAFhYWARgEGBAYQBiB" +
  "GAAZBRmgGVEaACACIAogRCBhIIAggiApIUghACICIgEkBCQQJEAkViQAJUElZCWQJggoICiUKEQqAUAEQBBAGEAhQCRA" +
  "QEBIQFZAYECBQIRAkEAAQSBBYUGAQYVBAUIQQkhCVkJoQgBECEQgRIBEmUQSRSRFAEYBSARIEEhASEVIAElYSWFJgklF" +
  "SpBKAFAIUBFQGVAgUIBQiFAEUUJRpFGRUpBUklQKVQFWVFYAWBFYGVhkWEBZCFoEYBBgQGBoYABhVWEYYmBiAGQFZBBl" +
  "EmWEZUJoAIACgAqAQYCCgASBGIFAgRGCAYQEhBCEFYRAhGCEAIVGhZSFCYZAhmCGAogEiRGKBJAQkCSQQJChkBaRgJFF" +
  "kgCUIpRElFGVgZggmQKgUKCFoAmhAKIYpFCoBKk=";

const magnitudes = [8, 25, 43];

/** Unpacks the code book. Shapes: [256 · 8], group by group. */
function unpackGrid(): Float32Array {
  const bytes = Buffer.from(packed, "base64");
  return Float32Array.from({ length: 2048 }, (_, i) => {
    const pair = (bytes[i >> 2]! >> (2 * (i & 3))) & 3; // 512 bytes hold 2,048 pairs of bits
    return magnitudes[pair] ?? 0;
  });
}

/** The magnitudes of all groups. Shapes: [256 · 8]. */
export const iq2xxsGrid: Float32Array = unpackGrid();
