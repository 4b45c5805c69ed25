import type { LoupeError } from '../errors';

/** Whether an error concerns one tensor under one choice and no other: NaN, or what a scheme cannot hold. */
export function failsAlone({ code }: LoupeError): boolean {
  return code === 'non-finite' || code === 'refused' || code === 'unsupported';
}
