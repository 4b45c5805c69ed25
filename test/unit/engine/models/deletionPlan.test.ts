import { link, mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { deletionPlan } from '../../../../src/engine/models/deletionPlan';

let folder: string;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'loupe-deletion-')));
});
afterEach(() => rm(folder, { recursive: true }));

async function put(name: string, content: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return path;
}
async function linkTo(name: string, target: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await symlink(target, path);
  return path;
}
const hash = (digit: string) => digit.repeat(64);
const folders = () => ({ hub: join(folder, 'hub'), ollama: join(folder, 'ollama') });
const inside = (targets: readonly string[]) => targets.map((path) => relative(folder, path));

it('names the files of a model in the workspace, and what links keep', async () => {
  const own = await put('own.safetensors', 'twelve bytes');
  const shared = await put('shared.safetensors', 'four');
  await link(shared, join(folder, 'other-name'));
  const soft = await linkTo('soft.safetensors', await put('elsewhere', 'abc'));
  const files = [own, shared, soft, join(folder, 'missing')];
  const plan = await deletionPlan({ path: own, files, place: 'workspace' }, folders());
  expect(plan.targets).toEqual([own, shared, soft]);
  expect(plan.freedBytes).toBe(12);
  expect(plan.notes).toHaveLength(2);
});

it('takes the folder of a repository that holds one model', async () => {
  const blob = await put(`hub/models--o--n/blobs/${hash('a')}`, 'weights');
  const path = await linkTo('hub/models--o--n/snapshots/c/model.safetensors', blob);
  const plan = await deletionPlan({ path, files: [path], place: 'huggingFace' }, folders());
  expect(inside(plan.targets)).toEqual([join('hub', 'models--o--n')]);
  expect(plan.freedBytes).toBe(7);
});

it('leaves the other models of a repository', async () => {
  const [a, b] = [
    await put(`hub/models--o--n/blobs/${hash('a')}`, 'aaa'),
    await put(`hub/models--o--n/blobs/${hash('b')}`, 'bb'),
  ];
  const path = await linkTo('hub/models--o--n/snapshots/c/a.gguf', a);
  await linkTo('hub/models--o--n/snapshots/c/b.gguf', b);
  const plan = await deletionPlan({ path, files: [path], place: 'huggingFace' }, folders());
  expect(plan.targets).toEqual([path, a]);
  expect(plan.freedBytes).toBe(3);
  expect(plan.notes).toContain('Other models of the repository stay.');
});

it('takes no folder on the word of a place', async () => {
  const path = await put('not-in-the-cache.gguf', 'x');
  const plan = await deletionPlan({ path, files: [path], place: 'huggingFace' }, folders());
  expect(plan.targets).toEqual([path]);
});

it("leaves the blobs that other models of ollama's name", async () => {
  const layer = (mediaType: string, digit: string) => ({
    mediaType: `application/vnd.ollama.image.${mediaType}`,
    digest: `sha256:${hash(digit)}`,
  });
  const manifest = (...layers: object[]) => JSON.stringify({ layers });
  const library = 'ollama/manifests/registry.ollama.ai/library';
  const weights = await put(`ollama/blobs/sha256-${hash('a')}`, 'weights');
  await put(`ollama/blobs/sha256-${hash('b')}`, 'license');
  await put(`ollama/blobs/sha256-${hash('c')}`, 'own');
  await put(`ollama/blobs/sha256-${hash('d')}`, 'other weights');
  await put(`${library}/x/1`, manifest(layer('model', 'a'), layer('license', 'b'), layer('template', 'c')));
  await put(`${library}/x/latest`, manifest(layer('model', 'a'), layer('license', 'b')));
  await put(`${library}/y/1`, manifest(layer('model', 'd'), layer('license', 'b')));
  const plan = await deletionPlan({ path: weights, files: [weights], place: 'ollama' }, folders());
  expect(inside(plan.targets)).toEqual([
    join(library, 'x', '1'),
    join(library, 'x', 'latest'),
    join('ollama', 'blobs', `sha256-${hash('a')}`),
    join('ollama', 'blobs', `sha256-${hash('c')}`),
  ]);
  expect(plan.freedBytes).toBe('weights'.length + 'own'.length);
});
