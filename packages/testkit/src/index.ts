export {
  type BrowserPage,
  bundleForBrowser,
  type Chrome,
  findChrome,
  openPage,
} from "./browser.ts";
export { dataRoot, findData, printSkipReason, wantsSlowTests } from "./data.ts";
export { centralDifferences, type DifferenceOptions, relativeDistance } from "./gradient.ts";
export { expectGolden } from "./golden.ts";
export { frequencies, samplingBound, totalVariation } from "./statistics.ts";
export { compileProto, type FoundPython, findPython } from "./python.ts";
