/** The parts of `npm test`. Each returns its counts: `{ passed, failed, skipped }`. */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { green, red, say } from './announce.mjs';
import { hostRunsHere } from './host.mjs';
import { readSuiteResults, runSuiteInServer } from './inHost.mjs';
import { inRoot, resultsFolder, vsixPath } from './paths.mjs';
import { run } from './processes.mjs';

const bin = (name, script) => inRoot('node_modules', name, script);

/** The formatter and linter, and the compiler over each of the three projects: one case each. */
async function lint() {
  const tsc = bin('typescript', 'bin/tsc');
  const cases = [
    ['biome check', [bin('@biomejs/biome', 'bin/biome'), 'check', '--error-on-warnings', '.']],
    ['types of src', [tsc, '-p', 'tsconfig.json']],
    ['types of test', [tsc, '-p', 'test/tsconfig.json']],
    ['types of webview-ui', [tsc, '-p', 'webview-ui/tsconfig.json']],
  ];
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [name, args] of cases) {
    const { code, output } = await run(process.execPath, args, {
      cwd: inRoot(),
      quiet: true,
      allowFailure: true,
    });
    counts[code === 0 ? 'passed' : 'failed']++;
    say(code === 0 ? `${green('ok')} ${name}` : `${red('FAILED')} ${name}\n${output.trimEnd()}`);
  }
  return counts;
}

/**
 * Runs vitest and reads its report, so that a run that ends early is not taken for a good one. Undefined when there is none;
 * else the results by file, and whether vitest itself called the run good.
 */
async function vitestResults(name, args, env) {
  const report = join(resultsFolder, `${name}.json`);
  mkdirSync(resultsFolder, { recursive: true });
  rmSync(report, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const { code } = await run(process.execPath, [bin('vitest', 'vitest.mjs'), 'run', ...reporters, ...args], {
    cwd: inRoot(),
    allowFailure: true,
    env: { ...process.env, ...env },
  });
  if (!existsSync(report)) {
    say(red(`vitest ended with exit code ${code} and wrote no report.`));
    return undefined;
  }
  return { files: JSON.parse(readFileSync(report, 'utf8')).testResults, isGood: code === 0 };
}

/** How many cases passed, failed and were skipped. An error outside of any case is a failure all the same. */
function countCases({ files, isGood }) {
  const cases = files.flatMap((file) => file.assertionResults.map(({ status }) => status));
  const count = (...statuses) => cases.filter((status) => statuses.includes(status)).length;
  // A file that cannot even be loaded has no cases.
  const broken = files.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  ).length;
  const failed = count('failed') + broken;
  return {
    passed: count('passed'),
    failed: failed === 0 && !isGood ? 1 : failed,
    skipped: count('skipped', 'pending', 'todo'),
  };
}

async function vitest(name, args, env = {}) {
  const results = await vitestResults(name, args, env);
  return results === undefined ? { passed: 0, failed: 1, skipped: 0 } : countCases(results);
}

/** So many files of end-to-end tests may fail for the machine's sake; more of them have a reason. */
const mostRepeatedFiles = 2;

/**
 * The end-to-end tests. They drive an editor that was not made to be driven, on whatever machine this is: a file that
 * failed runs once more, whole, in a new editor and workspace, and what failed first stays in the output and is named at the
 * end. A fault of the product fails twice.
 */
async function endToEnd(env) {
  const config = ['--config', 'vitest.e2e.config.ts'];
  const first = await vitestResults('e2e', config, env);
  if (first === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const failed = first.files.filter((file) => file.status === 'failed');
  if (failed.length === 0 || failed.length > mostRepeatedFiles) return countCases(first);
  const names = failed.map((file) => relative(inRoot(), file.name));
  say(`\nOnce more, in a new editor: ${names.join(', ')}`);
  const second = await vitestResults('e2e-again', [...config, ...names], env);
  if (second === undefined) return countCases(first);
  const titles = failed.flatMap((file) =>
    file.assertionResults.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName),
  );
  if (second.isGood)
    say(red(`Failed once and passed the second time: ${titles.join('; ') || names.join(', ')}`));
  const others = first.files.filter((file) => !failed.includes(file));
  return countCases({ files: [...others, ...second.files], isGood: second.isGood });
}

/** The mocha suite inside the extension host. */
async function integration({ kind }) {
  await runSuiteInServer({ kind });
  const { passed, failed, skipped, failures, lines } = readSuiteResults();
  for (const line of lines) say(line.startsWith('FAILED') ? red(line) : line);
  for (const { title, stack } of failures) say(`\n${red(title)}\n${stack}`);
  return { passed, failed, skipped };
}

const noHost = () =>
  `the VS Code server from npm runs on Linux x64 only, not on ${process.platform}-${process.arch}`;

/** In the order in which they run: what is quick to fail comes first. */
export const stages = [
  { name: 'lint', title: 'Format, lint, types', work: lint },
  { name: 'unit', title: 'Unit tests', work: () => vitest('unit', ['test/unit', 'test/webview']) },
  { name: 'cli', title: 'Command line', work: () => vitest('cli', ['test/cli']) },
  {
    name: 'integration',
    title: 'Inside the extension host',
    needsHost: true,
    unavailable: hostRunsHere
      ? undefined
      : `${noHost()}; \`npm run test:electron\` runs the same suite in a desktop VS Code`,
    work: integration,
  },
  {
    name: 'e2e',
    title: 'End to end, on the packed extension',
    needsHost: true,
    unavailable: hostRunsHere ? undefined : noHost(),
    work: ({ kind }) => endToEnd({ TENSOR_LOUPE_VSIX: vsixPath(), TENSOR_LOUPE_HOST: kind }),
  },
];
