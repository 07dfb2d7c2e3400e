import type { TileJob } from "./backend.ts";

/** What registers advance by from group to group where there is one group. */
export const noAdvance = new Uint32Array(16);

/** Sets the 16 registers to what a tile sees; register 1 is the caller's. */
export function setTileRegisters(registers: Uint32Array, job: TileJob, tile: number): void {
  const groupTiles = job.groupTiles ?? job.tiles;
  const within = tile % groupTiles;
  const group = (tile - within) / groupTiles;
  const { base, advance, groupAdvance = noAdvance } = job;
  for (let i = 0; i < 16; i++)
    registers[i] = base[i]! + within * advance[i]! + group * groupAdvance[i]!; // all have 16 words
}
