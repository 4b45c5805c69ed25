/** What `tensor-loupe --help` prints. */

import { schemes } from '../quant/schemes';
import { mixNames } from './ggufOptions';
import { memoryUsage } from './memoryOptions';
import { metrics } from './schemeList';

/** Words in lines of about a hundred characters. */
function wrapped(words: readonly string[]): string {
  const lines = [''];
  for (const word of words) {
    if (lines.at(-1)!.length + word.length > 88) lines.push('');
    lines.push(`${lines.pop()!} ${word}`);
  }
  return lines.map((line) => line.trim()).join('\n         ');
}

/** Commands and their options; lists of names come from the registries. */
export const usage = `Usage: tensor-loupe COMMAND PATH [options]

  inspect PATH                     what a checkpoint holds
  stats PATH                       figures of its tensors
      --tensor GLOB                only tensors whose name matches (may be repeated)
      --channels                   also the largest magnitude of each row and column
      --cache FOLDER               keep figures there, and take those that are there already
  quantize PATH --scheme NAME      write a quantized copy beside the model
      --granularity WHAT           what one scale serves: tensor, row, column, block or none;
                                   the default depends on the scheme, and is row for integers
      --block N                    values in a block, with granularity block
      --clip none|mse|hqq          search the scale of least squared error, or refine the zero point (HQQ)
      --double-quant               quantize the scales of NF4 and FP4 too
      --overflow saturate|nan      what 8-bit floats do beyond their largest number
      --outliers T, --outlier-factor F
                                   LLM.int8(): columns from this magnitude, or beyond this many medians
      --prune METHOD               first set weights to 0: magnitude, nm, rows, columns, heads, layers
      --ratio R                    share to prune (default 0.5); --nm N:M keeps N of every M (default 2:4);
      --head-size N                rows of an attention head (default: as the model tells)
      --output auto|plain|fake|qdq the scheme's layout, plain tensors only, dequantized values, or in an ONNX model
                                   ONNX's own operators only
      --recipe FILE                instead of --scheme: a choice for each tensor, as docs/recipes.md tells
      --out FOLDER                 where to write (an ONNX or GGUF model: a FILE of that ending)
      --max-shard-size SIZE        cut safetensors or GGUF files anew, such as 2GB (default: the source's shards)
      --errors writing|later       measure errors while writing (default), or not at all, which takes less time; the
                                   files are the same, and compare gives the same errors afterwards
      --resume                     keep what is finished when interrupted, and go on from that of an earlier run
      --backend NAME               auto (default), cpu, ort-cpu, webgpu, cuda, directml, coreml
      --scale-dtype f32|bf16|f16   type that scales are stored in (default: the weight's own)
      --dry-run                    write nothing; show what each tensor becomes, with exact sizes
      --overwrite                  replace an older output
      --pure                       also quantize the output head; a GGUF file: every weight in the one type
                                   GGUF files (q4_k_m, f16 ...), made of a GGUF model or of a Hugging Face folder with
                                   its tokenizer; mixes choose a type for each tensor:
      --imatrix FILE               weigh errors by an importance matrix (GGUF or .dat)
      --tensor-type PATTERN=TYPE   another type for tensors whose name matches (may be repeated)
      --output-tensor-type TYPE, --token-embedding-type TYPE, --leave-output-tensor
      --allow-requantize           also quantize what is quantized already
      --keep-split                 write as many files as the source has
  error PATH --scheme NAME         the errors that quantizing would make, without writing
      the scheme's options, --recipe, --imatrix, --tensor and --pure as above
      --grid RxC                   mean |error| of each cell, for each tensor
  sensitivity PATH --schemes A,B   size and error of each tensor under several schemes, without writing
                                   options of a scheme after colons: int4-absmax:32:mse,nf4:64:double-quant,
                                   prune-heads:N for heads of N rows (default: as the model tells)
      --metric NAME                ${Object.keys(metrics).join(', ')} (default: sqnr)
      --exact                      read every value instead of samples; --tensor and --pure as above
      --imatrix FILE               GGUF's types weigh errors by an importance matrix, as quantize does
  compare PATH OTHER               the values of two checkpoints, tensor by tensor; --tensor as above
${memoryUsage}
  show PATH TENSOR                 values of a tensor as a table
      --rows A:B, --columns C:D    which ones (default: the first)
      --slice I,r,c                of more than two dimensions: an index for each, r and c for rows and columns
      --element R,C                one element: bits, exact digits, and what other types make of it
  edit-metadata FILE.gguf          set and remove keys; the data stay as they are
      --set KEY=TYPE:VALUE         TYPE as in u32 or [string] (default: the key's own; VALUE of an array: JSON)
      --set-file KEY=FILE          the text of a file, such as tokenizer.chat_template=template.jinja
      --name NAME                  the model's name; --out FILE, --overwrite, --dry-run
      --remove KEY                 also all that begin alike: 'tokenizer.*'
  save PATH TENSOR --out FILE      write values to a .npy or .csv file
      --rows, --columns, --slice, --overwrite as above
  backends                         what can compute codes here, and what the GPUs run natively
      --measure                    time INT8 per row of a fixed matrix on each
      --gpu NAME                   what another GPU runs natively, and the scheme that follows

PATH is a .safetensors, .gguf, .onnx, .pt, .pth, .bin, .npz or .npy file, an *.index.json, or a model folder.
--json prints one JSON document. Exit: 0 fine, 2 wrong usage, 3 input refused or faulty,
4 cancelled, 5 reading, writing or computing failed.

Schemes: ${wrapped(schemes.map(({ name }) => name))}
Mixes of GGUF files: ${wrapped(mixNames)}\nand copy, which joins a GGUF model's files or, with --max-shard-size, cuts them: no tensor changes.`;
