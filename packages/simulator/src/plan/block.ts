/**
 * Gathers items into blocks. An item joins an earlier block of its kind when it commutes with everything in between, so
 * the layers of an ansatz become one rotation block and one diagonal block each.
 */
import { type Angle, addAngles, multiplyMatrices } from "@qtune/circuit";
import {
  type DiagonalItem,
  type Item,
  type MatrixItem,
  type PermutationItem,
  itemQubits,
} from "./item.ts";

/** A run of items that is applied as one. */
export type Block =
  | { readonly kind: "rotation"; readonly angles: ReadonlyMap<number, Angle> }
  | { readonly kind: "diagonal"; readonly items: readonly DiagonalItem[] }
  | { readonly kind: "matrix"; readonly item: MatrixItem }
  | { readonly kind: "permutation"; readonly items: readonly PermutationItem[] };

/** Returns the blocks of items. Effect: pure. Cost: items · blocks in the worst case, short in practice. */
export function gatherBlocks(items: readonly Item[]): readonly Block[] {
  const blocks: Open[] = [];
  for (const item of items) {
    const qubits = new Set(itemQubits(item));
    const home = findHome(blocks, item, qubits);
    if (home === undefined) blocks.push(openBlock(item, qubits));
    else join(home, item, qubits);
  }
  return blocks.map(closeBlock);
}

interface Open {
  readonly kind: Item["kind"];
  readonly items: Item[];
  readonly qubits: Set<number>;
  readonly angles: Map<number, Angle>;
}

function openBlock(item: Item, qubits: Set<number>): Open {
  const block: Open = { kind: item.kind, items: [], qubits: new Set(), angles: new Map() };
  join(block, item, qubits);
  return block;
}

function join(block: Open, item: Item, qubits: ReadonlySet<number>): void {
  for (const qubit of qubits) block.qubits.add(qubit);
  if (item.kind === "rotation") {
    block.angles.set(item.qubit, addAngles(block.angles.get(item.qubit) ?? 0, item.angle));
  } else if (item.kind === "matrix" && block.items.length > 0) {
    const earlier = block.items[0] as MatrixItem; // a matrix block holds one matrix item
    block.items[0] = { ...earlier, matrix: multiplyMatrices(item.matrix, earlier.matrix) };
  } else {
    block.items.push(item);
  }
}

/** Walks back over blocks that the item commutes with until one takes it in. */
function findHome(
  blocks: readonly Open[],
  item: Item,
  qubits: ReadonlySet<number>,
): Open | undefined {
  for (let i = blocks.length - 1; i >= 0; i--) {
    const block = blocks[i];
    if (block === undefined) return undefined;
    if (takes(block, item)) return block;
    const apart = [...qubits].every((qubit) => !block.qubits.has(qubit));
    if (!apart && !(item.kind === "diagonal" && block.kind === "diagonal")) return undefined;
  }
  return undefined;
}

function takes(block: Open, item: Item): boolean {
  if (block.kind !== item.kind) return false;
  if (item.kind !== "matrix") return true;
  const held = block.items[0];
  return (
    held?.kind === "matrix" &&
    held.controls.length === 0 &&
    item.controls.length === 0 &&
    held.qubits.length === item.qubits.length &&
    held.qubits.every((qubit, i) => qubit === item.qubits[i])
  );
}

function closeBlock(block: Open): Block {
  switch (block.kind) {
    case "rotation":
      return { kind: "rotation", angles: block.angles };
    case "diagonal":
      return { kind: "diagonal", items: block.items as DiagonalItem[] }; // blocks hold items of their kind
    case "matrix":
      return { kind: "matrix", item: block.items[0] as MatrixItem };
    case "permutation":
      return { kind: "permutation", items: block.items as PermutationItem[] };
    default:
      return block.kind satisfies never;
  }
}
