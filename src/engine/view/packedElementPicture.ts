/** One value of a packed weight as the viewer shows it: its code, the numbers that give the value, and its group. */
import { float32Picture, float32Text } from '../../numeric/convertedNumber';
import type { NumberPicture } from '../../numeric/numberPicture';
import type { ElementBlock } from '../../protocol/tensorViews';
import type { PackedElement } from '../worker/packed/packedReader';

/** `layout` is what the layout is called. The text has the formula in the loader's order: "(7 - 8) x 0.5 = -0.5". */
export function packedElementPicture(
  element: PackedElement,
  value: number,
  layout: string,
): { stored: NumberPicture; block: ElementBlock } {
  const { code, bits, scale, zeroPoint, bias, tableValue, factor, group } = element;
  const { decimal, significant, shortest } = float32Picture(value);
  // A negative code is stored in two's complement.
  const codeBits = (code & (2 ** bits - 1)).toString(2).padStart(bits, '0');
  const parts: { name: string; text: string }[] = [{ name: 'code', text: String(code) }];
  const add = (name: string, number: number | undefined) => {
    if (number !== undefined) parts.push({ name, text: float32Text(number) });
  };
  add('value of the code', tableValue);
  add('zero point', zeroPoint);
  add('scale', scale);
  add('bias', bias);
  add('factor', factor);
  const left =
    tableValue !== undefined
      ? float32Text(tableValue)
      : zeroPoint !== undefined && zeroPoint !== 0
        ? `(${code} - ${zeroPoint < 0 ? `(${zeroPoint})` : zeroPoint})`
        : String(code);
  const product = [left, float32Text(scale), ...(factor === undefined ? [] : [float32Text(factor)])].join(
    ' × ',
  );
  const sum =
    bias === undefined ? product : `${product} + ${bias < 0 ? `(${float32Text(bias)})` : float32Text(bias)}`;
  return {
    stored: {
      bits: codeBits,
      fields: [{ name: 'code', from: 0, to: bits, text: String(code) }],
      decimal,
      significant,
      shortest,
    },
    block: {
      elements: group.elements,
      index: group.index,
      position: group.position,
      parts,
      text: `${layout}, code ${code}: ${sum} = ${shortest}`,
    },
  };
}
