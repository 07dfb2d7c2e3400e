/** One weight store for all programs of a model, those that are compiled at the same time included. */
import { openWeightStore, type WeightStore } from "@qtune/graph";

/**
 * Opens a store whose calls wait for each other, so that programs may be compiled at the same time.
 *
 * Effect: the weights of a model are written once and mapped by all its programs. Close the programs first.
 */
export async function openSharedWeightStore(): Promise<WeightStore> {
  const store = await openWeightStore();
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work);
    last = result.catch(() => {}); // its own caller hears of a failure
    return result;
  };
  return {
    directory: store.directory,
    get writtenBytes() {
      return store.writtenBytes;
    },
    place: (...args) => inTurn(() => store.place(...args)),
    placeQuantised: (...args) => inTurn(() => store.placeQuantised(...args)),
    nameModel: (label) => store.nameModel(label),
    close: () => inTurn(() => store.close()),
  };
}
