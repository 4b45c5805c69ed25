import { totalmem } from 'node:os';
import { describe, expect, it } from 'vitest';
import { deviceSet, gpuRooms, memoryChoices } from '../../../../src/engine/memory/memoryDevices';

const gibi = 2 ** 30;

describe('devices as people write them', () => {
  it.each([
    ['24GB', 24 * gibi],
    ['24 GiB', 24 * gibi],
    ['24564 MiB', 24564 * 2 ** 20],
    ['1.5G', 1.5 * gibi],
    ['123456789B', 123_456_789],
    ['RTX 4090', 24 * gibi],
    ['rtx 3060', 12 * gibi],
    ['A100 80GB SXM', 80 * gibi],
    ['NVIDIA GeForce RTX 4090=24564MiB', 24564 * 2 ** 20],
  ])('%s', async (text, memoryBytes) => {
    const { kind, label, gpus } = await deviceSet(text);
    expect(kind).toBe('gpu');
    expect(label).toBe(text);
    expect(gpus).toHaveLength(1);
    expect(gpus[0]).toMatchObject({ memoryBytes });
  });

  it('takes several, alike or not', async () => {
    const { gpus } = await deviceSet('2x RTX 4090 + RTX 3090=20GB');
    expect(gpus.map(({ memoryBytes }) => memoryBytes / gibi)).toEqual([24, 24, 20]);
    expect(gpus.map(({ bytesPerSecond }) => bytesPerSecond)).toEqual([1008e9, 1008e9, 936e9]);
    expect(await gpuRooms(['24GB', '2x 8GB'])).toHaveLength(3);
  });

  it("takes the machine's memory, or what is said of it", async () => {
    expect(await deviceSet('ram')).toMatchObject({ kind: 'ram', gpus: [{ memoryBytes: totalmem() }] });
    expect(await deviceSet('RAM=64GB')).toMatchObject({ kind: 'ram', gpus: [{ memoryBytes: 64 * gibi }] });
  });

  it.each([
    ['Voodoo 2', 'There is no GPU "Voodoo 2" in the list'],
    ['RTX 4090=much', '"much" is no size'],
    ['ram=much', '"much" is no size'],
    ['0x RTX 4090', 'from 1 to 1024 GPUs'],
    ['H100', 'H100 is sold with several sizes of memory'],
  ])('refuses %s', async (text, message) => {
    await expect(deviceSet(text)).rejects.toThrow(message);
  });

  it('does not take memory for a GPU', async () => {
    await expect(gpuRooms(['ram'])).rejects.toThrow('--fit takes GPUs');
  });

  it('knows GPUs that others have, all of which can be asked for by name', async () => {
    const { common, ramBytes } = await memoryChoices();
    expect(ramBytes).toBe(totalmem());
    expect(common.length).toBeGreaterThan(20);
    for (const gpu of common) expect((await deviceSet(gpu.name)).gpus).toEqual([gpu]);
  });
});
