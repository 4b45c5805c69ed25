/**
 * Has llama.cpp cut texts into tokens: `node tokenize.mjs MODULE < REQUEST`. MODULE is node-llama-cpp's entry; the request is
 * {"model": path, "texts": [text]}. The answer is one line of JSON: for each text the numbers of its tokens, without any around it.
 */
import { pathToFileURL } from 'node:url';

let request = '';
for await (const chunk of process.stdin) request += chunk;
const { model: modelPath, texts } = JSON.parse(request);
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(process.argv[2]).href);
const llama = await getLlama({ build: 'never', gpu: false, logLevel: LlamaLogLevel.error, maxThreads: 1 });
const model = await llama.loadModel({ modelPath, vocabOnly: true });
const answers = texts.map((text) => [...model.tokenize(text)]);
await model.dispose();
await llama.dispose();
process.stdout.write(`${JSON.stringify(answers)}\n`);
