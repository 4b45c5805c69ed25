/**
 * The kernels' entry point for the AssemblyScript compiler. What each function does, its layouts and its
 * rounding are documented at `Kernels` in ../kernels.ts; ../reference has the same in plain TypeScript.
 */
export { channels, channels64 } from './channels';
export { channelsBF16, largestMagnitude16 } from './channels16';
export { decodeIQ4_NL, decodeIQ4_XS, decodeMXFP4, decodeNVFP4 } from './codebookBlocks';
export { decodeCodes8, encode8 } from './codes';
export {
  decodeBF16,
  decodeF16,
  decodeF32,
  decodeI8,
  decodeI16,
  decodeU8,
  decodeU16,
  decodeWideI32,
  decodeWideI64,
  decodeWideU32,
  decodeWideU64,
} from './decode';
export { errorSumsAdd, errorSumsBegin, errorSumsEnd } from './errorSums';
export { extremes32, largestMagnitude32, magnitudeRange16 } from './extremes';
export { finishExtreme, foldExtreme, foldSums, startExtreme } from './fold';
export { foldFinite } from './foldFinite';
export { foldPatterns } from './foldPatterns';
export { encodeQ2_K, encodeQ3_K, encodeQ4_K, encodeQ5_K, encodeQ6_K } from './ggmlKTypes';
export { encodeIQ2_S, encodeIQ2_XS, encodeIQ2_XXS, encodeIQ3_S, encodeIQ3_XXS } from './ggmlLatticeTypes';
export {
  encodeQ4_0,
  encodeQ4_1,
  encodeQ5_0,
  encodeQ5_1,
  encodeQ8_0,
  encodeTQ1_0,
  encodeTQ2_0,
} from './ggmlLegacyTypes';
export { encodeIQ4_NL, encodeIQ4_XS, encodeMXFP4 } from './ggmlLevelTypes';
export { encodeIQ1_M, encodeIQ1_S } from './ggmlOneBitTypes';
export { histogramF32, histogramF64, histogramU16 } from './histogram';
export { decodeQ2_K, decodeQ3_K, decodeQ4_K, decodeQ5_K, decodeQ6_K, decodeQ8_K } from './kBlocks';
export {
  decodeIQ1_M,
  decodeIQ1_S,
  decodeIQ2_S,
  decodeIQ2_XS,
  decodeIQ2_XXS,
  decodeIQ3_S,
  decodeIQ3_XXS,
} from './latticeBlocks';
export { decodeQ4_0, decodeQ4_1, decodeQ5_0, decodeQ5_1, decodeQ8_0, decodeQ8_1 } from './legacyBlocks';
export { countBeyond, countBeyond64, moments, moments64 } from './moments';
export { flipBits, unpackDense, unpackField, unpackUpperFirst, unpackWords } from './packedCodes';
export {
  packedAffine,
  packedByIndex,
  packedLinear,
  packedTable16,
  packedTable256,
  packedTimes,
} from './packedValues';
export { encodeCodebook } from './quantCodebooks';
export { groupMagnitudes, groupRanges } from './quantExtremes';
export { castBF16, castF16, encodeSmallFloats } from './quantFloats';
export { encodeColumns, encodeGroups, encodeSymmetric } from './quantIntegers';
export { packDense, packHighNibbles } from './quantPacking';
export {
  addColumnSquares,
  columnRanges,
  countLowerHalves,
  pruneBelow,
  pruneColumns,
  pruneRanks,
  squareSum,
} from './quantPruning';
export { encodeRefined, refineZeros } from './quantRefined';
export { dividedScales, integerScales, nvfpScales, rowMagnitudes } from './quantScales';
export { candidateErrors, columnErrors, leastErrorScales } from './quantSearch';
export { rowRange } from './rowRange';
export {
  decodeByTable,
  decodeF4,
  decodeF6_E2M3,
  decodeF6_E3M2,
  decodeF8_E4M3,
  decodeF8_E4M3FNUZ,
  decodeF8_E5M2,
  decodeF8_E5M2FNUZ,
} from './smallFloats';
export { decodeI2, decodeI4, decodeU2, decodeU4 } from './smallInts';
export {
  countZeros,
  groupCandidates,
  groupExtremes,
  tailBands,
  tailBands64,
  tailGroups,
  topCandidates,
} from './tails';
export { decodeQ1_0, decodeQ2_0, decodeTQ1_0, decodeTQ2_0 } from './ternaryBlocks';

/** The first byte behind the module's own data. */
export function heapBase(): usize {
  return __heap_base;
}
