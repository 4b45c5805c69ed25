/**
 * Loads GGUF files in llama.cpp on the processor and prints the sizes of its buffers, as its log tells them: `node
 * bufferSizes.mjs MODULE < REQUEST`. MODULE is node-llama-cpp's entry; the request is {"models": [path], "settings":
 * [{"context", "batch", "flashAttention", "cache": "F16"}]}. The answer is one line of JSON: for each model the MiB of its
 * weights, and for each setting those of the cache and of computing.
 */
import { pathToFileURL } from 'node:url';

let request = '';
for await (const chunk of process.stdin) request += chunk;
const { models, settings } = JSON.parse(request);
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(process.argv[2]).href);
let lines = [];
const llama = await getLlama({
  ...{ build: 'never', gpu: false, maxThreads: 1, logLevel: LlamaLogLevel.debug },
  logger: (_, message) => lines.push(message),
});

/** The log comes in its own time: waits for lines that match, and gives the numbers in them. */
async function logged(pattern) {
  for (let i = 0; i < 200; i++) {
    const found = lines.flatMap((line) => [...line.matchAll(pattern)].map(([, number]) => Number(number)));
    if (found.length > 0) return found;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`llama.cpp's log has no line of ${pattern}:\n${lines.join('\n')}`);
}
const sum = (numbers) => numbers.reduce((all, number) => all + number, 0);

const answers = [];
for (const modelPath of models) {
  lines = [];
  // Mapped files are counted twice where weights are repacked.
  const model = await llama.loadModel({ modelPath, useMmap: false });
  const weights = sum(await logged(/model buffer size =\s+([\d.]+) MiB/g));
  const contexts = [];
  for (const { context, batch, flashAttention, cache } of settings) {
    lines = [];
    const made = await model.createContext({
      ...{ contextSize: context, batchSize: batch, flashAttention },
      experimentalKvCacheKeyType: cache,
      experimentalKvCacheValueType: cache,
    });
    const kv = sum(await logged(/KV buffer size =\s+([\d.]+) MiB/g));
    await made.dispose();
    // With four places behind the point, when it is let go.
    const compute = (await logged(/compute buffer size is\s+([\d.]+) MiB/g)).at(-1);
    contexts.push({ kv, compute });
  }
  answers.push({ weights, contexts });
  await model.dispose();
}
await llama.dispose();
process.stdout.write(`${JSON.stringify(answers)}\n`);
