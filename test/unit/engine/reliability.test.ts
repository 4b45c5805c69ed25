/** Disks that really fill up, sources that really go, and processes that are really killed. */
import { fork, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { EngineClient } from '../../../src/engine/client';
import type { LoupeError } from '../../../src/errors';
import { makeReadOnly, mountObstacle, mountSmall, unmountAll } from '../../support/smallDisk';
import { hashesOf, hiddenIn, slowRequest, until, writeLarge } from './largeModel';
import { demoModel, enginePath, failureOf, request, startEngine, temporaryFolder } from './support';

const folder = temporaryFolder();
const engine = startEngine();
const obstacle = mountObstacle(join(folder, 'probe'));
if (obstacle) console.log(`Tests on small disks are left out: ${obstacle}.`);
let model = '';

beforeAll(() => {
  model = writeLarge(join(folder, 'large'));
});
afterAll(unmountAll);

/** Runs a slow job that `act` disturbs once some of it is done, and gives its failure; it is tried again when it was done before. */
async function disturbed(
  own: EngineClient,
  path: string,
  out: string,
  act: () => void,
  more = {},
): Promise<LoupeError> {
  for (let attempt = 0; attempt < 5; attempt++) {
    let acted = false;
    const call = own.call('quantize', slowRequest(path, out, { overwrite: true, ...more }), {
      progress: ({ bytesDone }) => {
        if (bytesDone === 0 || acted) return;
        acted = true;
        act();
      },
    });
    const failure = await call.then(
      () => undefined,
      (thrown: LoupeError) => thrown,
    );
    if (failure) return failure;
  }
  throw new Error('it was never disturbed in time');
}

describe.skipIf(obstacle !== undefined)('a disk', () => {
  it('without room is refused before anything is written, with the bytes needed and free', async () => {
    const disk = join(folder, 'tiny');
    mountSmall(disk, 4);
    const out = join(disk, 'new/out');
    const dry = await engine.call('quantize', request(model, out, { dryRun: true }));
    const { neededBytes, freeBytes } = dry.space!;
    // 24 weights of 512 x 1024 bytes each, scales, headers and the rest.
    expect(neededBytes).toBeGreaterThan(24 * 2 ** 19);
    expect(neededBytes).toBeLessThan(24 * 2 ** 19 * 1.01);
    expect(freeBytes).toBe(4 * 2 ** 20);
    const failure = await failureOf(engine.call('quantize', request(model, out)));
    expect(failure).toMatchObject({ code: 'io', file: out });
    expect(failure.message).toContain(`needs ${neededBytes.toLocaleString('en-US')} bytes`);
    expect(failure.message).toContain(`only ${freeBytes!.toLocaleString('en-US')} bytes`);
    expect(readdirSync(disk)).toEqual([]);
  });

  it('that fills up midway gets all of its room back, and the failure says what was needed', async () => {
    const disk = join(folder, 'filling');
    mountSmall(disk, 32);
    const out = join(disk, 'out');
    const filler = join(disk, 'filler');
    const failure = await disturbed(engine, model, out, () => {
      // Whatever others write meanwhile: the rest of the disk but for a few pages.
      spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=1M'], { stdio: 'ignore' });
    });
    expect(failure).toMatchObject({ code: 'io', file: out });
    expect(failure.message).toMatch(
      /^The disk ran full: the output needs [\d,]+ bytes \([\d.]+ MiB\); without it, [\d,]+ bytes \([\d.]+ [KM]iB\) are free there\./,
    );
    expect(readdirSync(disk)).toEqual(['filler']);
    rmSync(filler);
    const report = await engine.call('quantize', slowRequest(model, out));
    expect(existsSync(report.open)).toBe(true);
  }, 180_000);

  it('that is full keeps finished shards when told to, and they are gone on with once there is room', async () => {
    const disk = join(folder, 'filling-shards');
    mountSmall(disk, 32);
    const out = join(disk, 'out');
    const filler = join(disk, 'filler');
    const shards = { maxShardBytes: 1_000_000, keepFinished: true };
    const failure = await disturbed(
      engine,
      model,
      out,
      () => void spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=1M'], { stdio: 'ignore' }),
      shards,
    );
    expect(failure.code).toBe('io');
    expect(failure.message).toContain('The disk ran full');
    rmSync(filler);
    await engine.call('quantize', slowRequest(model, out, { ...shards, resume: true }));
    await engine.call('quantize', slowRequest(model, join(folder, 'elsewhere'), shards));
    expect(hashesOf(out)).toEqual(hashesOf(join(folder, 'elsewhere')));
    expect(readdirSync(disk)).toEqual(['out']);
  }, 180_000);

  it('that is read-only is refused by name', async () => {
    const disk = join(folder, 'read-only');
    mountSmall(disk, 4);
    makeReadOnly(disk);
    const failure = await failureOf(engine.call('quantize', request(demoModel, join(disk, 'out'))));
    expect(failure).toMatchObject({ code: 'io', file: join(disk, 'out') });
    expect(failure.message).toBe(
      `Nothing can be written into ${disk}: its disk is read-only. Choose another folder.`,
    );
  });
});

describe('a limit of the process on the size of files', () => {
  it.skipIf(process.platform === 'win32')('is told with the size that was needed, and leaves nothing', () => {
    const parent = join(folder, 'limited');
    mkdirSync(parent);
    const cli = join(dirname(enginePath), 'cli.js');
    const command = `ulimit -f 4096; exec "${process.execPath}" "${cli}" quantize "${model}" --scheme int8-absmax --backend cpu --out "${parent}/out" --json`;
    const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(5);
    const { error } = JSON.parse(stdout);
    expect(error.code).toBe('io');
    expect(error.message).toMatch(/takes no file as large as model\.safetensors becomes: [\d,]+ bytes/);
    expect(readdirSync(parent)).toEqual([]);
  });
});

describe('a folder that may not be written', () => {
  const cli = join(dirname(enginePath), 'cli.js');
  // Root may write anywhere, so another user tries.
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  const mayRun =
    process.platform !== 'win32' && spawnSync(process.execPath, [cli, '--help'], user).status === 0;
  if (!mayRun)
    console.log('No other user may run the command line here: a folder without permission is left out.');
  it.skipIf(!mayRun)('is refused by name', () => {
    const parent = join(folder, 'closed');
    mkdirSync(parent, { mode: 0o555 });
    chmodSync(folder, 0o755);
    const args = [cli, 'quantize', model, '--scheme', 'int8-absmax', '--out', join(parent, 'out'), '--json'];
    const { status, stdout } = spawnSync(process.execPath, args, { ...user, encoding: 'utf8' });
    expect(JSON.parse(stdout).error).toEqual({
      code: 'io',
      message: `Nothing can be written into ${parent}: it is read-only for you. Choose another folder.`,
      file: join(parent, 'out'),
    });
    expect([status, readdirSync(parent)]).toEqual([5, []]);
  });
});

describe('a source', () => {
  const copy = (name: string) => {
    cpSync(join(folder, 'large'), join(folder, name), { recursive: true });
    return join(folder, name, 'model.safetensors');
  };

  it('that is removed, cut, or written to midway ends the job with that as the reason', async () => {
    const source = join(folder, 'source');
    const cases = [
      ['removed', 'was removed', (path: string) => rmSync(path)],
      ['cut', /changed from \d+ to 1000000 bytes/, (path: string) => truncateSync(path, 1_000_000)],
      ['longer', /changed from \d+ to \d+ bytes/, (path: string) => appendFileSync(path, 'x')],
      ['touched', 'was written to', (path: string) => utimesSync(path, 1, 1)],
    ] as const;
    for (const [name, reason, act] of cases) {
      const path = copy(join('source', name));
      const out = join(folder, 'of-source', name);
      const failure = await disturbed(engine, path, out, () => act(path), {
        maxShardBytes: 1_000_000,
        keepFinished: true,
      });
      expect([failure.code, failure.file]).toEqual(['changed', path]);
      expect(failure.message).toMatch(reason);
      // Shards of a source that is no longer there are of no use to anyone.
      expect(readdirSync(dirname(out))).toEqual([]);
      rmSync(join(source, name), { recursive: true });
    }
  }, 180_000);
});

describe('what killed processes leave', () => {
  /** Long enough for two hosts to be found at work. */
  let long = '';
  beforeAll(() => {
    long = writeLarge(join(folder, 'long'), 5);
  });

  /** Starts a slow job in an engine of a host of its own; resolves when its temporary folder is there. */
  async function hostWithJob(out: string, journal: string) {
    const script = join(folder, 'host.mjs');
    writeFileSync(
      script,
      `import { fork } from 'node:child_process';
      const [enginePath, request] = process.argv.slice(2);
      const child = fork(enginePath, [], { serialization: 'advanced' });
      child.on('message', () => {});
      child.send({ kind: 'request', id: 1, method: 'quantize', params: JSON.parse(request) });
      process.send(child.pid);`,
    );
    mkdirSync(dirname(out), { recursive: true });
    const own = slowRequest(long, out, { overwrite: true });
    const host = fork(script, [enginePath, JSON.stringify(own)], {
      env: { ...process.env, TENSOR_LOUPE_JOURNAL: journal, TENSOR_LOUPE_WORKERS: '1' },
    });
    // Whatever fails: an engine ends with its host.
    onTestFinished(() => void host.kill('SIGKILL'));
    const enginePid = await new Promise<number>((resolve) =>
      host.once('message', (pid) => resolve(Number(pid))),
    );
    await until(() => hiddenIn(dirname(out)).length === 1, 'the job begins', 1);
    return { host, enginePid };
  }

  it('is removed at the next start wherever it lies, and what another window writes stays', async () => {
    const journal = join(folder, 'journal');
    const dead = join(folder, 'dead/out');
    const living = join(folder, 'living/out');
    const first = await hostWithJob(dead, journal);
    const second = await hostWithJob(living, journal);
    // The machine of the first window went down: neither of its processes could clean up.
    first.host.kill('SIGKILL');
    process.kill(first.enginePid, 'SIGKILL');
    await until(() => !existsSync(`/proc/${first.enginePid}`) || process.platform !== 'linux', 'it is dead');
    const left = hiddenIn(dirname(dead));
    expect([left.length, readdirSync(journal).length]).toEqual([1, 2]);

    const next = startEngine({ env: { TENSOR_LOUPE_JOURNAL: journal } });
    const { removed } = await next.call('cleanOutputs', {});
    expect(removed).toEqual([join(dirname(dead), left[0]!)]);
    expect(readdirSync(dirname(dead))).toEqual([]);
    expect(hiddenIn(dirname(living)).length).toBe(1);
    expect(readdirSync(journal).length).toBe(1);
    await until(() => existsSync(living), 'the other window finishes its job', 20);
    await until(() => readdirSync(journal).length === 0, 'its entry goes');
    expect(readdirSync(dirname(living))).toEqual(['out']);
    // The engine ends with its host.
    second.host.kill('SIGKILL');
  }, 180_000);

  it('by the end of their host is removed by the engine itself', async () => {
    const journal = join(folder, 'journal-closed');
    const out = join(folder, 'closed-host/out');
    const { host } = await hostWithJob(out, journal);
    host.kill('SIGKILL');
    await until(() => readdirSync(dirname(out)).length === 0, 'the unfinished output is removed');
    await until(() => readdirSync(journal).length === 0, 'its entry goes');
  }, 180_000);

  it('in a folder that is gone is looked for again, and what is no entry of the journal is left alone', async () => {
    const journal = join(folder, 'journal-odd');
    mkdirSync(journal);
    writeFileSync(join(journal, 'a.json'), JSON.stringify({ place: join(folder, 'unplugged/.x') }));
    writeFileSync(join(journal, 'b.json'), '{"place": "relative/path"}');
    writeFileSync(join(journal, 'notes.txt'), 'mine');
    const own = startEngine({ env: { TENSOR_LOUPE_JOURNAL: journal } });
    expect((await own.call('cleanOutputs', {})).removed).toEqual([]);
    expect(readdirSync(journal).sort()).toEqual(['a.json', 'b.json', 'notes.txt']);
    // Without a journal there is nothing to clean.
    expect((await engine.call('cleanOutputs', {})).removed).toEqual([]);
    expect(statSync(join(journal, 'notes.txt')).size).toBe(4);
  });
});
