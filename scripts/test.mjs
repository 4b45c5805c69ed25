/**
 * `npm test`: sets up what is missing, then runs every kind of test and closes with `N passed, N failed`.
 *
 *   npm test                     everything
 *   npm test -- unit cli         these parts: lint, unit, cli, integration, e2e
 *   npm test -- --host min       on the oldest supported VS Code instead of the newest
 */
import { parseArgs } from 'node:util';
import { bold, dim, duration, green, PlainError, red, runMain, say } from './lib/announce.mjs';
import { hostKinds } from './lib/host.mjs';
import { endAll } from './lib/processes.mjs';
import { stages } from './lib/stages.mjs';
import { setUpTests } from './setup.mjs';

function counted({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** Runs one stage; a stage that breaks, or in which nothing ran, has failed. */
async function runStage(stage, options) {
  const started = Date.now();
  say(`\n${bold(`== ${stage.title} (${stage.name})`)}`);
  const result = { name: stage.name, passed: 0, failed: 0, skipped: 0 };
  if (stage.unavailable) {
    say(`Left out: ${stage.unavailable}.`);
    return { ...result, note: 'left out' };
  }
  try {
    Object.assign(result, await stage.work(options));
    if (result.passed + result.failed === 0) {
      say(red('No test ran.'));
      result.failed = 1;
    }
  } catch (error) {
    say(red(error.stack ?? String(error)));
    result.failed += 1;
  }
  result.time = duration(Date.now() - started);
  say(
    `${result.failed === 0 ? green('ok') : red('FAILED')} ${stage.name}: ${counted(result)} in ${result.time}`,
  );
  return result;
}

await runMain(async () => {
  const { values: options, positionals } = parseArgs({
    allowPositionals: true,
    options: { host: { type: 'string', default: 'current' } },
  });
  const unknown = positionals.filter((name) => !stages.some((stage) => stage.name === name));
  if (unknown.length > 0) {
    throw new PlainError(
      `No such part: ${unknown.join(', ')}. Parts: ${stages.map(({ name }) => name).join(', ')}.`,
    );
  }
  if (!hostKinds.includes(options.host)) throw new PlainError(`--host takes ${hostKinds.join(' or ')}.`);
  const wanted = stages.filter(({ name }) => positionals.length === 0 || positionals.includes(name));

  const started = Date.now();
  await setUpTests({ kind: options.host, host: wanted.some(({ needsHost }) => needsHost) });
  const results = [];
  for (const stage of wanted) results.push(await runStage(stage, { kind: options.host }));
  await endAll();

  say(`\n${bold('== Summary')}`);
  for (const result of results) {
    const mark = result.note ? dim('-') : result.failed === 0 ? green('ok') : red('FAILED');
    say(`${mark} ${result.name}: ${result.note ?? `${counted(result)} in ${result.time}`}`);
  }
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const result of results) for (const key of Object.keys(total)) total[key] += result[key];
  say(dim(`Everything together took ${duration(Date.now() - started)}.`));
  say(counted(total));
  return total.failed === 0 ? 0 : 1;
});
