import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OutputFolder } from '../../../../src/engine/quantize/outputFolder';
import { outputSuffix } from '../../../../src/engine/quantize/plan';
import { removeLeftovers } from '../../../../src/engine/quantize/temporaryOutput';
import type { QuantizeRequest } from '../../../../src/protocol/engineApi';
import { failureOf, request, temporaryFolder } from '../support';

/** The id of a process that has ended. */
const deadPid = spawnSync(process.execPath, ['-e', '']).pid;

async function fill(target: string, overwrite: boolean, text: string): Promise<OutputFolder> {
  const output = await OutputFolder.create(target, overwrite);
  writeFileSync(join(output.folder, 'model.safetensors'), text);
  return output;
}

const content = (target: string) => readFileSync(join(target, 'model.safetensors'), 'utf8');

describe('an output folder', () => {
  it('appears at the commit and leaves nothing else', async () => {
    const parent = temporaryFolder();
    const target = join(parent, 'new', 'out');
    const output = await fill(target, false, 'one');
    expect(existsSync(target)).toBe(false);
    await output.commit();
    expect(content(target)).toBe('one');
    expect(readdirSync(join(parent, 'new'))).toEqual(['out']);
  });

  it('is gone without a trace when discarded', async () => {
    const parent = temporaryFolder();
    await (await fill(join(parent, 'out'), false, 'one')).discard();
    expect(readdirSync(parent)).toEqual([]);
  });

  it('touches what exists only when asked, and then swaps it whole', async () => {
    const parent = temporaryFolder();
    const target = join(parent, 'out');
    await (await fill(target, false, 'one')).commit();
    expect((await failureOf(OutputFolder.create(target, false))).code).toBe('exists');
    const second = await fill(target, true, 'two');
    expect(content(target)).toBe('one');
    await second.commit();
    expect(content(target)).toBe('two');
    expect(readdirSync(parent)).toEqual(['out']);
  });

  it('takes the place of an empty folder', async () => {
    const target = join(temporaryFolder(), 'out');
    mkdirSync(target);
    await (await fill(target, false, 'one')).commit();
    expect(content(target)).toBe('one');
  });

  it('does not overwrite what is no model folder', async () => {
    const parent = temporaryFolder();
    const documents = join(parent, 'documents');
    mkdirSync(documents);
    writeFileSync(join(documents, 'letter.txt'), 'dear');
    expect((await failureOf(OutputFolder.create(documents, true))).code).toBe('refused');
    const nested = join(parent, 'nested');
    mkdirSync(join(nested, 'inner'), { recursive: true });
    writeFileSync(join(nested, 'model.safetensors'), '');
    expect((await failureOf(OutputFolder.create(nested, true))).message).toContain('"inner"');
    expect(readdirSync(parent).sort()).toEqual(['documents', 'nested']);
  });

  it('keeps a target that appeared while it was being written', async () => {
    const parent = temporaryFolder();
    const target = join(parent, 'out');
    const output = await fill(target, false, 'ours');
    mkdirSync(target);
    writeFileSync(join(target, 'model.safetensors'), 'theirs');
    expect((await failureOf(output.commit())).code).toBe('exists');
    expect(content(target)).toBe('theirs');
    expect(readdirSync(parent)).toEqual(['out']);
  });

  it('has one writer at a time', async () => {
    const target = join(temporaryFolder(), 'out');
    const first = await fill(target, false, 'one');
    expect((await failureOf(OutputFolder.create(target, true))).code).toBe('refused');
    await first.discard();
    await (await fill(target, false, 'two')).commit();
    expect(content(target)).toBe('two');
  });
});

describe('leftovers', () => {
  /** A temporary folder's name as this machine gives it, of another process. */
  async function leftoverName(parent: string, kind: '' | 'old-', pid: number): Promise<string> {
    const probe = await OutputFolder.create(join(parent, 'out'), false);
    const name = /-(\d+)-([0-9a-f]{12})$/.exec(probe.folder)!;
    await probe.discard();
    return `.out.tensor-loupe-${kind}${pid}-${name[2]}`;
  }

  it('of dead processes go, those of living ones and others stay', async () => {
    const parent = temporaryFolder();
    const dead = await leftoverName(parent, '', deadPid);
    const living = await leftoverName(parent, '', process.pid);
    // The first four digits stand for the machine, whose process ids these are.
    const machine = /-([0-9a-f]{4})[0-9a-f]{8}$/.exec(dead)![1]!;
    const elsewhere = dead.replace(`-${machine}`, machine === 'ffff' ? '-0000' : '-ffff');
    for (const name of [dead, living, elsewhere, '.out.tensor-loupe', '.git']) mkdirSync(join(parent, name));
    await removeLeftovers(parent);
    const expected = [living, elsewhere, '.out.tensor-loupe', '.git'];
    expect(readdirSync(parent).sort()).toEqual(expected.sort());
  });

  it('put an older output back when its replacement was interrupted between the renames', async () => {
    const parent = temporaryFolder();
    const backup = await leftoverName(parent, 'old-', deadPid);
    const unfinished = await leftoverName(parent, '', deadPid);
    for (const name of [backup, unfinished]) mkdirSync(join(parent, name));
    writeFileSync(join(parent, backup, 'model.safetensors'), 'old');
    await removeLeftovers(parent);
    expect(readdirSync(parent)).toEqual(['out']);
    expect(content(join(parent, 'out'))).toBe('old');
  });

  it('put the parts of an older GGUF model back over those that were in place already', async () => {
    const parent = temporaryFolder();
    const name = (await leftoverName(parent, 'old-', deadPid)).replace('.out.', '.m-00001-of-00003.gguf.');
    mkdirSync(join(parent, name));
    const parts = [1, 2, 3].map((no) => `m-0000${no}-of-00003.gguf`);
    for (const part of parts) writeFileSync(join(parent, name, part), `old ${part}`);
    writeFileSync(join(parent, parts[1]!), 'new');
    await removeLeftovers(parent);
    expect(readdirSync(parent).sort()).toEqual(parts);
    for (const part of parts) expect(readFileSync(join(parent, part), 'utf8')).toBe(`old ${part}`);

    // The target comes last, so that with it all new parts are there.
    mkdirSync(join(parent, name));
    for (const part of parts) writeFileSync(join(parent, name, part), 'older');
    await removeLeftovers(parent);
    expect(readdirSync(parent).sort()).toEqual(parts);
    expect(readFileSync(join(parent, parts[2]!), 'utf8')).toBe(`old ${parts[2]}`);
  });

  it('drop an older output whose replacement is in place', async () => {
    const parent = temporaryFolder();
    const backup = await leftoverName(parent, 'old-', deadPid);
    for (const name of [backup, 'out']) {
      mkdirSync(join(parent, name));
      writeFileSync(join(parent, name, 'model.safetensors'), name);
    }
    await removeLeftovers(parent);
    expect(readdirSync(parent)).toEqual(['out']);
    expect(content(join(parent, 'out'))).toBe('out');
  });
});

describe('the name of an output', () => {
  it('tells the options apart, another share of what is pruned too', () => {
    const named = (more: Partial<QuantizeRequest>) => outputSuffix(request('/m/model.safetensors', '', more));
    expect(named({})).toBe('INT8-absmax-row');
    expect(named({ prune: 'magnitude' })).toBe('INT8-absmax-row-pruned-magnitude');
    expect(named({ prune: 'magnitude', ratio: 0.3 })).toBe('INT8-absmax-row-pruned-magnitude-0.3');
    expect(named({ prune: 'nm', keep: 1, of: 8, output: 'fake' })).toBe(
      'INT8-absmax-row-pruned-nm-1of8-fake',
    );
    expect(named({ scheme: 'prune-rows', granularity: 'none', ratio: 0.25 })).toBe('PRUNE-rows-0.25');
  });
});
