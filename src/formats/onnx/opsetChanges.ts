/**
 * Whether a model may say a newer version of ONNX's operator set without any of its nodes meaning something else:
 * onnx docs/Changelog.md and onnx/version_converter/convert.h, whose adapters of these steps rewrite nodes. All other changes
 * from 13 to 21 add types, or attributes and inputs whose defaults are what was before.
 */

/** The set whose DequantizeLinear has `block_size`, and integers of 4 bits. */
export const blockOpset = 21;
/** Before it changed what most operators take; exporters have been beyond it for years. */
const oldestRaised = 13;

/** By operator, the version that gave it other inputs, or other defaults. */
const changedIn: ReadonlyMap<string, number> = new Map([
  ['BatchNormalization', 14],
  ['RoiAlign', 16],
  ['Split', 18],
  ...['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'SumSquare'].map(
    (name) => [`Reduce${name}`, 18] as const,
  ),
  ['DFT', 20],
  ['GridSample', 20],
  ['GroupNormalization', 21],
]);

/** Why a model of an operator set cannot say `blockOpset`; undefined where it can, or is there. `operators`: of all its graphs. */
export function opsetFault(opset: number, operators: Iterable<string>): string | undefined {
  if (opset >= blockOpset) return undefined;
  if (opset < oldestRaised)
    return `its operator set ${opset} is older than ${oldestRaised}, and cannot be raised to ${blockOpset}`;
  for (const operator of operators) {
    const version = changedIn.get(operator);
    if (version !== undefined && opset < version)
      return `its operator set ${opset} cannot be raised to ${blockOpset}: ${operator} changed in ${version}`;
  }
  return undefined;
}
