/** Which changes of a file or a setting make figures on disk those of another result. */
import {
  copyFileSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CacheReader, folder, model, newStorage } from './statsCacheSupport';

describe('a result is another', () => {
  /** Analyzes, changes something, and gives the tasks that a new process needs. */
  async function tasksAfter(path: string, change: () => void, more = {}): Promise<number> {
    const storage = newStorage();
    await new CacheReader(storage).read(path, 'summary', [0]);
    change();
    const second = new CacheReader(storage);
    await second.read(path, 'summary', [0], more);
    return second.runner.tasks;
  }
  const copy = (name: string) => {
    const path = join(folder, name);
    mkdirSync(path);
    copyFileSync(join(model, 'model.safetensors'), join(path, 'model.safetensors'));
    return path;
  };

  it('with nothing changed it is the same', async () => {
    expect(await tasksAfter(copy('same'), () => {})).toBe(0);
  });

  it('when the file has another time, by a microsecond too', async () => {
    const path = copy('time');
    const file = join(path, 'model.safetensors');
    const { atimeMs, mtimeMs } = statSync(file);
    expect(await tasksAfter(path, () => utimesSync(file, atimeMs / 1000, mtimeMs / 1000 + 1e-3))).toBe(1);
  });

  it.skipIf(process.platform === 'win32')(
    'when another file of the same size and time is in its place',
    async () => {
      const path = copy('place');
      const file = join(path, 'model.safetensors');
      utimesSync(file, 1000, 1000);
      const replace = () => {
        // The old one stays somewhere, so that its number is not given away again.
        linkSync(file, join(path, 'old'));
        const bytes = readFileSync(file);
        bytes.fill(0, bytes.length - 4096);
        writeFileSync(join(path, 'new'), bytes);
        utimesSync(join(path, 'new'), 1000, 1000);
        renameSync(join(path, 'new'), file);
      };
      expect(await tasksAfter(path, replace)).toBe(1);
    },
  );

  it('when the header says something else, or the parameters do', async () => {
    const path = copy('header');
    const file = join(path, 'model.safetensors');
    const { ino } = statSync(file);
    utimesSync(file, 2000, 2000);
    const swap = () => {
      const bytes = readFileSync(file);
      const at = bytes.indexOf('model.layers.0.mlp.up_proj.weight');
      bytes[at] = 'n'.charCodeAt(0);
      writeFileSync(file, bytes);
      utimesSync(file, 2000, 2000);
      expect(statSync(file).ino).toBe(ino);
    };
    expect(await tasksAfter(path, swap)).toBe(1);
    expect(await tasksAfter(path, () => {}, { outlierFactor: 3 })).toBe(1);
  });
});
