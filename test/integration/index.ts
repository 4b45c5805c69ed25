/**
 * What VS Code calls inside its extension host: runs every bundled `*.test.cjs` beside this file with mocha, writes the
 * results to the file that TENSOR_LOUPE_TEST_RESULTS names, and prints `N passed, N failed`. Resolves when all
 * passed; rejects otherwise, which the host turns into a failing exit code.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import mochaModule from 'mocha';

// mocha 12 is an ES module: when it is required, the class is the default export of what comes.
const Mocha = (mochaModule as { default?: typeof mochaModule }).default ?? mochaModule;

interface SuiteResults {
  passed: number;
  failed: number;
  skipped: number;
  failures: { title: string; message: string; stack?: string | undefined }[];
  lines: string[];
  /** The test that runs now; a host that dies in it leaves its name behind. */
  running?: string | undefined;
  finished: boolean;
}

/** Writes the results so far, so that they survive a host that hangs or dies. */
function save(results: SuiteResults): void {
  const file = process.env.TENSOR_LOUPE_TEST_RESULTS;
  if (!file) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify(results, null, 2));
}

export async function run(): Promise<void> {
  const mocha = new Mocha({ ui: 'bdd', timeout: 60_000, slow: 10_000 });
  const names = readdirSync(__dirname, { recursive: true }).map(String).sort();
  for (const name of names) if (name.endsWith('.test.cjs')) mocha.addFile(join(__dirname, name));

  const results: SuiteResults = {
    passed: 0,
    failed: 0,
    skipped: 0,
    failures: [],
    lines: [],
    finished: false,
  };
  await new Promise<void>((done) => {
    const runner = mocha.run(() => done());
    runner.on('test', (test) => {
      results.running = test.fullTitle();
      save(results);
    });
    runner.on('pass', (test) => {
      results.passed++;
      results.lines.push(`ok ${test.fullTitle()} (${test.duration ?? 0} ms)`);
    });
    runner.on('pending', (test) => {
      results.skipped++;
      results.lines.push(`skipped ${test.fullTitle()}`);
    });
    runner.on('fail', (test, error: Error) => {
      results.failed++;
      results.lines.push(`FAILED ${test.fullTitle()}: ${error.message}`);
      results.failures.push({ title: test.fullTitle(), message: error.message, stack: error.stack });
    });
  });

  results.running = undefined;
  results.finished = true;
  save(results);
  console.log(`${results.passed} passed, ${results.failed} failed`);
  if (results.failed > 0) throw new Error(`${results.failed} in-host tests failed`);
  if (results.passed === 0) throw new Error('no in-host test ran');
}
