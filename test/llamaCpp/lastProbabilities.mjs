/**
 * Loads GGUF files in llama.cpp and prints what it makes of tokens: `node lastProbabilities.mjs MODULE < REQUEST`. MODULE is
 * node-llama-cpp's entry; the request is {"models": [path], "tokens": [id]}. The answer is one line of JSON: for each model
 * its type as llama.cpp describes it, and the probabilities of the next token behind the last one and behind each, in nats of
 * the tokens that really follow.
 */
import { pathToFileURL } from 'node:url';

let request = '';
for await (const chunk of process.stdin) request += chunk;
const { models, tokens } = JSON.parse(request);
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(process.argv[2]).href);
// Threads of ggml wait by spinning: on a busy machine several are slower than one.
const llama = await getLlama({ build: 'never', gpu: false, logLevel: LlamaLogLevel.error, maxThreads: 1 });
const answers = [];
for (const modelPath of models) {
  const model = await llama.loadModel({ modelPath });
  const context = await model.createContext({ contextSize: 256, batchSize: 256 });
  const sequence = context.getSequence();
  const evaluated = await sequence.controlledEvaluate(
    tokens.map((token) => [token, { generateNext: { probabilities: true } }]),
  );
  const nats = evaluated
    .slice(0, -1)
    .map(({ next }, i) => -Math.log(next.probabilities.get(tokens[i + 1]) ?? 0));
  answers.push({
    type: model.typeDescription,
    last: [...evaluated.at(-1).next.probabilities].sort(([a], [b]) => a - b),
    meanNats: nats.reduce((sum, value) => sum + value, 0) / nats.length,
    text: model.detokenize(tokens.slice(1, 17)),
  });
  await context.dispose();
  await model.dispose();
}
await llama.dispose();
process.stdout.write(`${JSON.stringify(answers)}\n`);
