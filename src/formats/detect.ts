/** Tells a file's kind from its first bytes; names and extensions are only claims. */
import { LoupeError } from '../errors';

/** How a file is to be read; a zip archive holds a PyTorch model or NumPy arrays, which its directory tells. */
export type FileLayout = 'safetensors' | 'gguf' | 'onnx' | 'pickle' | 'numpy' | 'zip' | 'imatrix';

export type FileKind =
  | { readonly kind: FileLayout }
  /** Something else, named in a sentence's end: "a PyTorch zip archive". */
  | { readonly kind: 'foreign'; readonly what: string };

/** Bytes that `detectKind` wants to see; fewer when the file is shorter. */
export const detectionBytes = 64;

const startsWith = (head: Uint8Array, text: string): boolean =>
  head.length >= text.length && [...text].every((char, i) => head[i] === char.charCodeAt(0));

/**
 * Recognises GGUF by its magic, the usual impostors by theirs, and takes all else for safetensors, which has
 * no magic: its reader then says what is wrong.
 */
function detectKind(head: Uint8Array): FileKind {
  const foreign = (what: string): FileKind => ({ kind: 'foreign', what });
  if (startsWith(head, 'GGUF')) return { kind: 'gguf' };
  // A header length below 4 GiB with JSON behind it: no magic below may then claim the file.
  if ([4, 5, 6, 7].every((i) => head[i] === 0) && head[8] === 0x7b) return { kind: 'safetensors' };
  if (startsWith(head, 'PK\u0003\u0004')) return { kind: 'zip' };
  if (startsWith(head, 'version https://git-lfs'))
    return foreign('a Git LFS pointer: the model itself was not downloaded ("git lfs pull" fetches it)');
  if (startsWith(head, '\u0089HDF')) return foreign('an HDF5 file');
  if (startsWith(head, '\u0093NUMPY')) return { kind: 'numpy' };
  if (startsWith(head, 'FUGG')) return foreign('a GGUF file with its magic reversed');
  if (startsWith(head, 'ggjt') || startsWith(head, 'tjgg') || startsWith(head, 'lmgg'))
    return foreign('a GGML file from before GGUF');
  if (startsWith(head, '<!DOCTYPE') || startsWith(head, '<!doctype') || startsWith(head, '<html'))
    return foreign('a web page, perhaps a failed download');
  // Pickle: the opcode PROTO and a protocol from 2 to 5, then another opcode where a small length would have 0.
  if (head[0] === 0x80 && head[1] !== undefined && head[1] >= 2 && head[1] <= 5 && head[3] !== 0)
    return { kind: 'pickle' };
  return { kind: 'safetensors' };
}

/** Pickles of protocol 0 and 1 have no mark at their beginning, and ONNX and old importance matrices never have one: there the name decides. */
function kindByName(path: string, head: Uint8Array): FileLayout {
  if (/\.onnx$/i.test(path)) return 'onnx';
  if (/\.(pt|pth|ckpt|pkl|bin)$/i.test(path)) return 'pickle';
  if (/\.(dat|imatrix)$/i.test(path)) return 'imatrix';
  // ir_version, then the producer's name or another small field: how exporters begin.
  const looksLikeOnnx =
    head[0] === 0x08 && head[1]! > 0 && head[1]! < 64 && [0x12, 0x1a, 0x3a].includes(head[2]!);
  return looksLikeOnnx && !/\.safetensors$/i.test(path) ? 'onnx' : 'safetensors';
}

/** What a file under a .safetensors or .gguf name is instead. */
const otherNames: Readonly<Partial<Record<FileLayout, string>>> = {
  zip: 'a PyTorch zip archive (pickle) or another zip archive',
  pickle: 'a Python pickle',
  numpy: 'a NumPy array',
};

/**
 * The layout to read a file as. Throws `not-a-checkpoint` for a foreign file, and for a file of one
 * format under the other's extension: tools that go by the name would misread it.
 */
export function requireFormat(path: string, head: Uint8Array): FileLayout {
  const found = detectKind(head);
  const extension = /\.(safetensors|gguf)$/i.exec(path)?.[1]?.toLowerCase();
  if (head.length === 0)
    throw new LoupeError('malformed', 'The file is empty.', { file: path, byteOffset: 0 });
  if (found.kind === 'foreign')
    throw new LoupeError('not-a-checkpoint', `This is ${found.what}.`, { file: path, byteOffset: 0 });
  const other = extension === undefined ? undefined : otherNames[found.kind];
  if (other !== undefined)
    throw new LoupeError('not-a-checkpoint', `This is ${other}.`, { file: path, byteOffset: 0 });
  if (extension === 'safetensors' && found.kind === 'gguf')
    throw new LoupeError(
      'not-a-checkpoint',
      'This is a GGUF file under a .safetensors name; rename it to .gguf.',
      {
        file: path,
        byteOffset: 0,
      },
    );
  if (extension === 'gguf' && found.kind !== 'gguf') {
    const looksLikeSafetensors = head.length > 8 && head[8] === 0x7b;
    throw new LoupeError(
      'not-a-checkpoint',
      looksLikeSafetensors
        ? 'This is a safetensors file under a .gguf name; rename it to .safetensors.'
        : 'The file does not begin with "GGUF".',
      { file: path, byteOffset: 0 },
    );
  }
  // What has no mark of its own was taken for safetensors, whose header length shows.
  const certain = found.kind !== 'safetensors' || (head[8] === 0x7b && [5, 6, 7].every((i) => head[i] === 0));
  return certain ? found.kind : kindByName(path, head);
}
