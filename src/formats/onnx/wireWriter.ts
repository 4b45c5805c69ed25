/** Writes fields of the wire format of protocol buffers, and lists those of a small message. */

/** A field of a message held in memory; offsets are the message's. */
export interface MessageField {
  readonly number: number;
  /** Where its tag begins. */
  readonly tagStart: number;
  /** The payload of a length-delimited field; of others empty. */
  readonly payload: Uint8Array;
  readonly end: number;
}

const encoder = new TextEncoder();

/** Bytes one behind the other. */
export function concatenated(...runs: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(runs.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const run of runs) {
    result.set(run, at);
    at += run.length;
  }
  return result;
}

/** A whole number from 0 to 2^53. */
export function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Uint8Array.from([...bytes, rest]);
}

/** Tag and length of a field whose payload of `length` bytes follows. */
export const fieldHead = (number: number, length: number): Uint8Array =>
  concatenated(varint(number * 8 + 2), varint(length));

export const messageField = (number: number, ...payload: readonly Uint8Array[]): Uint8Array => {
  const whole = concatenated(...payload);
  return concatenated(fieldHead(number, whole.length), whole);
};
export const integerField = (number: number, value: number): Uint8Array =>
  concatenated(varint(number * 8), varint(value));
export const textField = (number: number, value: string): Uint8Array =>
  messageField(number, encoder.encode(value));

/** The fields of a message that was walked before, so that it is known to be sound. */
export function fieldsOf(message: Uint8Array): MessageField[] {
  const fields: MessageField[] = [];
  let at = 0;
  const next = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = message[at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tagStart = at;
    const tag = next();
    let payload = message.subarray(0, 0);
    if (tag % 8 === 0) next();
    else if (tag % 8 === 1) at += 8;
    else if (tag % 8 === 5) at += 4;
    else {
      const length = next();
      payload = message.subarray(at, at + length);
      at += length;
    }
    fields.push({ number: Math.floor(tag / 8), tagStart, payload, end: at });
  }
  return fields;
}
