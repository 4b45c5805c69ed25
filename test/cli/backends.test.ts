/** The command `backends` of the built command line. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');

function run(...args: string[]) {
  return spawnSync(process.execPath, [path.join(root, 'dist/cli.js'), 'backends', ...args], {
    encoding: 'utf8',
    timeout: 180_000,
  });
}

describe('backends', () => {
  it('lists every candidate with what it computes on, or why not', () => {
    const { status, stdout } = run('--json');
    expect(status).toBe(0);
    const document = JSON.parse(stdout);
    const names = document.backends.map(({ name }: { name: string }) => name);
    expect([...names].sort()).toEqual(['coreml', 'cpu', 'cuda', 'directml', 'ort-cpu', 'webgpu']);
    expect(document.automatic).toBe(names[0]);
    for (const { available, reason, adapter, measured } of document.backends) {
      expect(reason).toMatch(/^[^\n]+$/);
      if (available) expect(typeof adapter === 'string' || reason.includes('GPU')).toBe(true);
      expect(measured).toBeUndefined();
    }
    const text = run().stdout;
    for (const name of names) expect(text).toMatch(new RegExp(`^${name} `, 'm'));
    expect(text).toContain(`Automatic takes ${document.automatic}.`);
  });

  it('measures what is available on request', () => {
    const { status, stdout } = run('--measure', '--json');
    expect(status).toBe(0);
    for (const { name, available, measured } of JSON.parse(stdout).backends) {
      if (available) expect(measured.ok ? measured.bytesPerSecond : measured.reason, name).toBeTruthy();
      else expect(measured).toBeUndefined();
    }
  });

  it('says what another GPU runs, and the scheme that follows', () => {
    const { status, stdout } = run('--gpu', 'l4', '--json');
    expect(status).toBe(0);
    const { gpu } = JSON.parse(stdout);
    // An L4 is of compute capability 8.9, the first with FP8.
    expect(gpu).toMatchObject({ name: 'L4', architecture: { codes: ['sm_89'] } });
    expect(gpu.architecture.support).toEqual({
      f16: 'matrix',
      bf16: 'matrix',
      int8: 'matrix',
      fp8: 'matrix',
      fp4: 'none',
    });
    expect(gpu.schemes[0].choice.scheme).toBe('f8-e4m3');
    expect(run('--gpu', 'RTX 4090').stdout).toContain('GeForce RTX 4090, Ada Lovelace, 24.0 GiB');
  });

  it('says so when a GPU is unknown or a name is not enough, and takes no path', () => {
    expect(run('--gpu', 'Voodoo 2')).toMatchObject({ status: 2 });
    const several = run('--gpu', 'M2');
    expect(several.stdout).toContain('M2, Apple silicon M1 to M4');
    const { status, stderr } = run('--gpu', 'Max');
    expect(status).toBe(2);
    expect(stderr).toContain('may be M1 Max');
    expect(run('somewhere')).toMatchObject({ status: 2 });
  });
});
