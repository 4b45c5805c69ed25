/** Sizes of shards, and going on after an interruption, on the built command line. */
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { finishedIn, hashesOf, hiddenIn, until, writeLarge } from '../unit/engine/largeModel';
import { demoModel, temporaryFolder } from '../unit/engine/support';

const cli = path.resolve(import.meta.dirname, '../../dist/cli.js');
const work = temporaryFolder();

function run(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', timeout: 120_000 });
}

describe('--max-shard-size', () => {
  it('cuts shards no larger than asked, in decimal or binary units', () => {
    const out = path.join(work, 'cut');
    const args = ['quantize', demoModel, '--scheme', 'bf16', '--max-shard-size', '1.5 MiB', '--out', out];
    const dry = run(...args, '--dry-run');
    expect(dry.stdout).toMatch(
      /Dry run: nothing was written\. Writing needs [\d.]+ MiB; [\d.]+ [GT]iB are free there\./,
    );
    expect(existsSync(out)).toBe(false);
    const { status, stdout } = run(...args, '--json');
    expect(status).toBe(0);
    const shards = readdirSync(out).filter((name) => name.endsWith('.safetensors'));
    expect(shards[0]).toBe(`model-00001-of-0000${shards.length}.safetensors`);
    expect(shards.length).toBeGreaterThanOrEqual(5);
    for (const name of shards) expect(statSync(path.join(out, name)).size).toBeLessThanOrEqual(1.5 * 2 ** 20);
    expect(JSON.parse(stdout).open).toBe(path.join(out, 'model.safetensors.index.json'));
  });

  it('names what is no size, and what is too small', () => {
    const size = (text: string) =>
      run('quantize', demoModel, '--scheme', 'bf16', '--max-shard-size', text, '--dry-run');
    for (const text of ['big', '2 parsecs', '2GBs', '']) {
      expect(size(text).status).toBe(2);
      expect(size(text).stderr).toContain('--max-shard-size takes a size');
    }
    expect(size('10KB').status).toBe(2);
    expect(size('10KB').stderr).toContain('at least 1000000 bytes; 10000 is less');
  });
});

describe('--resume', () => {
  it('goes on after the command was killed, to the same bytes', async () => {
    const model = writeLarge(path.join(work, 'large'));
    const parent = path.join(work, 'resumed');
    const args = (out: string) => [
      ...['quantize', model, '--scheme', 'int4-absmax', '--block', '32', '--clip', 'mse', '--backend', 'cpu'],
      ...['--max-shard-size', '1MB', '--out', out, '--resume', '--overwrite'],
    ];
    expect(run(...args(path.join(work, 'uninterrupted'))).status).toBe(0);
    const out = path.join(parent, 'out');
    for (let attempt = 0; attempt < 8 && readKept(parent) === 0; attempt++) {
      const child = spawn(process.execPath, [cli, ...args(out)], { stdio: 'ignore' });
      const ended = new Promise((resolve) => child.on('exit', resolve));
      let over = false;
      void ended.then(() => {
        over = true;
      });
      await until(() => over || readKept(parent) >= 2, 'two finished shards', 2);
      child.kill('SIGKILL');
      await ended;
      // Its engine notices, and puts what is finished aside.
      await until(() => hiddenIn(parent).every((name) => name.includes('-kept-')), 'the engine ends');
    }
    const kept = readKept(parent);
    expect(kept).toBeGreaterThanOrEqual(2);
    const { status, stderr } = run(...args(out));
    expect(stderr).toBe(`Going on from ${kept} of 8 shards, ${3 * kept} of 24 tensors.\n`);
    expect(status).toBe(0);
    expect(hashesOf(out)).toEqual(hashesOf(path.join(work, 'uninterrupted')));
    expect(hiddenIn(parent)).toEqual([]);
  }, 180_000);
});

/** How many shards are finished beside an output that may not be begun. */
function readKept(parent: string): number {
  return existsSync(parent) ? finishedIn(parent).length : 0;
}
