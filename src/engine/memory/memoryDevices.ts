/** Devices by their names and sizes, as people write them: what a model is to fit on. */
import { totalmem } from 'node:os';
import { LoupeError } from '../../errors';
import { bandwidthOf, commonGpus } from '../../estimate/gpuBandwidths';
import { cacheDtypes } from '../../estimate/kvCache';
import type { DeviceSet, GpuRoom } from '../../estimate/types';
import type { MemoryChoices } from '../../protocol/memoryApi';
import { findGpus } from '../backends/gpus/findGpus';
import { gpuModels } from '../backends/gpus/models';
import { modelNamed } from '../backends/gpus/specifications';

/** One line for a machine of more GPUs would be a slip of the hand. */
const mostAlike = 1024;

/** What this machine has, what others may have, and the types that caches have. */
export async function memoryChoices(): Promise<MemoryChoices> {
  return { here: await gpusHere(), ramBytes: totalmem(), common: commonGpus, cacheDtypes };
}

/** The GPUs of all texts together. Throws `usage` as `deviceSet` does. */
export async function gpuRooms(texts: readonly string[]): Promise<GpuRoom[]> {
  const rooms: GpuRoom[] = [];
  for (const text of texts) {
    const { kind, gpus } = await deviceSet(text);
    if (kind === 'ram')
      throw new LoupeError('usage', "--fit takes GPUs; for the machine's memory say --on ram.");
    rooms.push(...gpus);
  }
  return rooms;
}

/**
 * "24GB", "RTX 4090", "2x RTX 4090", "RTX 4090=23.99GB", several of these joined by "+", "here" for the GPUs of this machine,
 * "ram" or "ram=64GB" for its memory. GB are GiB, as cards are sold. Throws `usage` for a name that is not listed, or that goes
 * with several sizes.
 */
export async function deviceSet(label: string): Promise<DeviceSet> {
  const text = label.trim();
  const ram = /^ram(?:=(.+))?$/i.exec(text);
  if (ram) {
    const memoryBytes = ram[1] === undefined ? totalmem() : sizeOf(ram[1]);
    if (memoryBytes === undefined) throw new LoupeError('usage', `"${ram[1]}" is no size, such as 64GB.`);
    return { label: text, kind: 'ram', gpus: [{ name: 'RAM', memoryBytes }] };
  }
  const gpus: GpuRoom[] = [];
  for (const part of text.split('+')) gpus.push(...(await roomsOf(part.trim())));
  return { label: text, kind: 'gpu', gpus };
}

async function roomsOf(text: string): Promise<GpuRoom[]> {
  if (text.toLowerCase() === 'here') {
    const rooms = await gpusHere();
    if (rooms.length > 0) return rooms;
    throw new LoupeError(
      'usage',
      'No GPU is found on this machine whose memory is told; name one, or say "24GB".',
    );
  }
  const many = /^(\d{1,4}) ?x (.+)$/i.exec(text);
  const count = many ? Number(many[1]) : 1;
  if (count < 1 || count > mostAlike)
    throw new LoupeError('usage', `"${text}" should be from 1 to ${mostAlike} GPUs.`);
  const room = roomNamed(many?.[2] ?? text);
  return Array.from({ length: count }, () => room);
}

async function gpusHere(): Promise<GpuRoom[]> {
  return (await findGpus()).flatMap(({ name, memoryBytes }) =>
    memoryBytes === undefined ? [] : [{ name, memoryBytes, bytesPerSecond: bandwidthOf(name) }],
  );
}

const units: Readonly<Record<string, number>> = { b: 1, m: 2 ** 20, g: 2 ** 30 };

/** Bytes of "24GB", "24564 MiB" or "1000B"; undefined for another text. */
function sizeOf(text: string): number | undefined {
  const size = /^(\d{1,16}(?:\.\d{1,6})?) ?(b|[mg](?:i?b)?)$/i.exec(text.trim());
  return size ? Math.floor(Number(size[1]) * units[size[2]![0]!.toLowerCase()]!) : undefined;
}

function roomNamed(text: string): GpuRoom {
  const plain = sizeOf(text);
  if (plain !== undefined) return { name: text, memoryBytes: plain };
  const sized = /^(.+)=([^=]+)$/.exec(text);
  if (sized) {
    const [, name = '', size = ''] = sized;
    const memoryBytes = sizeOf(size);
    if (memoryBytes === undefined) throw new LoupeError('usage', `"${size}" is no size, such as 24GB.`);
    return { name, memoryBytes, bytesPerSecond: bandwidthOf(name) };
  }
  const common = commonGpus.find(({ name }) => name.toLowerCase() === text.toLowerCase());
  if (common) return common;
  const model = (['nvidia', 'amd', 'intel', 'apple'] as const)
    .map((vendor) => modelNamed(text, vendor))
    .find((found) => found !== undefined);
  if (model?.memoryGiB) {
    const { name, memoryGiB } = model;
    return { name, memoryBytes: memoryGiB * 2 ** 30, bytesPerSecond: bandwidthOf(name) ?? bandwidthOf(text) };
  }
  const known = gpuModels.filter(({ memoryGiB }) => memoryGiB).map(({ name }) => name);
  throw new LoupeError(
    'usage',
    model
      ? `${model.name} is sold with several sizes of memory: say how much, such as "${model.name}=24GB".`
      : `There is no GPU "${text}" in the list. Say how much memory, such as 24GB, "here", or one of: ${known.join(', ')}.`,
  );
}
