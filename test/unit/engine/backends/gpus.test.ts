/** Finding GPUs, from what drivers and systems print; the formats are those that their documentation shows. */
import { describe, expect, it } from 'vitest';
import { findGpus } from '../../../../src/engine/backends/gpus/findGpus';
import { type SystemView, thisSystem } from '../../../../src/engine/backends/gpus/systemView';

interface Fake {
  readonly platform?: NodeJS.Platform;
  readonly files?: Readonly<Record<string, string>>;
  readonly links?: Readonly<Record<string, string>>;
  readonly tools?: Readonly<Record<string, string>>;
  readonly processorName?: string;
}

/** A system of these files and tools; what was run is kept. */
function system({ platform = 'linux', files = {}, links = {}, tools = {}, processorName }: Fake) {
  const ran: string[] = [];
  const view: SystemView = {
    platform,
    systemName: 'Linux 6.8.0',
    memoryBytes: 32 * 2 ** 30,
    processorName,
    readText: async (file) => files[file],
    list: async (folder) => {
      const inside = [...Object.keys(files), ...Object.keys(links)]
        .filter((file) => file.startsWith(`${folder}/`))
        .map((file) => file.slice(folder.length + 1).split('/')[0]!);
      return [...new Set(inside)];
    },
    linkName: async (file) => links[file],
    run: async (program) => {
      ran.push(program);
      return tools[program];
    },
  };
  return { view, ran };
}

describe('on Linux', () => {
  it('takes from nvidia-smi what it knows, and leaves out what it does not', async () => {
    const { view } = system({
      tools: {
        'nvidia-smi':
          'NVIDIA L4, 550.54.15, 23034, 8.9\nNVIDIA GB10, 580.95, [N/A], 12.1\nQuadro K620, 470.1, 2002, [N/A]\n',
      },
    });
    expect(await findGpus(view)).toEqual([
      {
        name: 'NVIDIA L4',
        vendor: 'nvidia',
        driver: 'NVIDIA 550.54.15',
        memoryBytes: 23034 * 2 ** 20,
        code: 'sm_89',
      },
      { name: 'NVIDIA GB10', vendor: 'nvidia', driver: 'NVIDIA 580.95', code: 'sm_121' },
      { name: 'Quadro K620', vendor: 'nvidia', driver: 'NVIDIA 470.1', memoryBytes: 2002 * 2 ** 20 },
    ]);
  });

  it('falls back to /proc where the tool is missing or says that it failed', async () => {
    const files = {
      '/proc/driver/nvidia/version':
        'NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 18:56:32 UTC 2023\n',
      '/proc/driver/nvidia/gpus/0000:01:00.0/information': 'Model: \t\t NVIDIA H100 PCIe\nIRQ:   \t\t 210\n',
      '/proc/driver/nvidia/gpus/0000:02:00.0/information': 'IRQ:   \t\t 211\n',
    };
    const expected = [{ name: 'NVIDIA H100 PCIe', vendor: 'nvidia', driver: 'NVIDIA 535.129.03' }];
    expect(await findGpus(system({ files }).view)).toEqual(expected);
    const said = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.\n";
    const { view, ran } = system({ files, tools: { 'nvidia-smi': said } });
    expect(await findGpus(view)).toEqual(expected);
    expect(ran).toEqual(['nvidia-smi', '/usr/lib/wsl/lib/nvidia-smi']);
  });

  it('reads AMD and Intel cards from /sys, with the architecture of the compute driver', async () => {
    const ids = [
      '# comment',
      '1002  Advanced Micro Devices, Inc. [AMD/ATI]',
      '\t744c  Navi 31 [Radeon RX 7900 XT/7900 XTX/7900 GRE/7900M]',
      '\t\t1002 0e3b  a board',
      '8086  Intel Corporation',
      '\t56a0  DG2 [Arc A770]',
      '',
    ].join('\n');
    const { view } = system({
      files: {
        '/usr/share/misc/pci.ids': ids,
        '/sys/class/drm/card0/device/vendor': '0x1a03\n',
        '/sys/class/drm/card1/device/vendor': '0x1002\n',
        '/sys/class/drm/card1/device/device': '0x744c\n',
        '/sys/class/drm/card1/device/mem_info_vram_total': '25753026560\n',
        '/sys/class/drm/card1/device/drm/renderD128/dev': '226:128\n',
        '/sys/class/drm/card1-DP-1/status': 'connected\n',
        '/sys/class/drm/card2/device/vendor': '0x8086\n',
        '/sys/class/drm/card2/device/device': '0x56a0\n',
        '/sys/class/kfd/kfd/topology/nodes/0/properties':
          'cpu_cores_count 16\ngfx_target_version 0\ndrm_render_minor 0\n',
        '/sys/class/kfd/kfd/topology/nodes/1/properties':
          'simd_count 192\ngfx_target_version 110000\ndrm_render_minor 128\n',
      },
      links: { '/sys/class/drm/card1/device/driver': 'amdgpu', '/sys/class/drm/card2/device/driver': 'i915' },
    });
    expect(await findGpus(view)).toEqual([
      {
        name: 'Navi 31 [Radeon RX 7900 XT/7900 XTX/7900 GRE/7900M]',
        vendor: 'amd',
        driver: 'amdgpu (Linux 6.8.0)',
        memoryBytes: 25_753_026_560,
        code: 'gfx1100',
      },
      { name: 'DG2 [Arc A770]', vendor: 'intel', driver: 'i915 (Linux 6.8.0)' },
    ]);
  });

  it.each([
    ['90402', 'gfx942'],
    ['90010', 'gfx90a'],
    ['90500', 'gfx950'],
    ['100300', 'gfx1030'],
    ['120001', 'gfx1201'],
  ])('names target version %s %s', async (version, code) => {
    const { view } = system({
      files: {
        '/sys/class/drm/card0/device/vendor': '0x1002',
        '/sys/class/drm/card0/device/device': '0x1',
        '/sys/class/drm/card0/device/drm/renderD129/dev': '',
        '/sys/class/kfd/kfd/topology/nodes/3/properties': `gfx_target_version ${version}\ndrm_render_minor 129\n`,
      },
    });
    expect(await findGpus(view)).toEqual([{ name: 'AMD GPU 0x1', vendor: 'amd', code }]);
  });

  it('finds nothing in an empty system, and does not fail', async () => {
    expect(await findGpus(system({}).view)).toEqual([]);
  });
});

describe('on Windows', () => {
  const key =
    'HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Class\\{4d36e968-e325-11ce-bfc1-08002be10318}';
  const printed = [
    '',
    key,
    '    Class    REG_SZ    Display',
    '',
    `${key}\\0000`,
    '    DriverDesc    REG_SZ    NVIDIA GeForce RTX 4090',
    '    DriverVersion    REG_SZ    32.0.15.6094',
    '    MatchingDeviceId    REG_SZ    pci\\ven_10de&dev_2684',
    '    HardwareInformation.qwMemorySize    REG_QWORD    0x5ff000000',
    '',
    `${key}\\0001`,
    '    DriverDesc    REG_SZ    AMD Radeon(TM) Graphics',
    '    DriverVersion    REG_SZ    31.0.24027.1012',
    '    MatchingDeviceId    REG_SZ    PCI\\VEN_1002&DEV_164E',
    '    HardwareInformation.qwMemorySize    REG_QWORD    0x20000000',
    '',
    `${key}\\0002`,
    '    DriverDesc    REG_SZ    Microsoft Basic Display Adapter',
    '',
    `${key}\\0001\\UMD`,
    '    DriverDesc    REG_SZ    not an adapter',
    '',
    'ERROR: Access is denied.',
  ].join('\r\n');
  const reg = { 'C:\\Windows\\System32\\reg.exe': printed };

  it('reads the class of display adapters', async () => {
    const gpus = await findGpus(system({ platform: 'win32', tools: reg }).view);
    expect(gpus).toEqual([
      {
        name: 'NVIDIA GeForce RTX 4090',
        vendor: 'nvidia',
        driver: '32.0.15.6094',
        memoryBytes: 25_753_026_560,
      },
      { name: 'AMD Radeon(TM) Graphics', vendor: 'amd', driver: '31.0.24027.1012', memoryBytes: 536_870_912 },
    ]);
  });

  it("prefers NVIDIA's own tool for its cards", async () => {
    const tools = {
      ...reg,
      'nvidia-smi': 'a program that lies in the current folder, 1.0, 1, 8.9',
      'C:\\Windows\\System32\\nvidia-smi.exe': 'NVIDIA GeForce RTX 4090, 560.94, 24564, 8.9\r\n',
    };
    const gpus = await findGpus(system({ platform: 'win32', tools }).view);
    expect(gpus.map(({ name, code }) => [name, code])).toEqual([
      ['NVIDIA GeForce RTX 4090', 'sm_89'],
      ['AMD Radeon(TM) Graphics', undefined],
    ]);
  });
});

describe('on a Mac', () => {
  const profiler = (text: string) => ({ '/usr/sbin/system_profiler': text });

  it('reads the system profile', async () => {
    const apple = JSON.stringify({
      SPDisplaysDataType: [{ _name: 'Apple M2 Pro', sppci_model: 'Apple M2 Pro', sppci_cores: '19' }],
    });
    expect(await findGpus(system({ platform: 'darwin', tools: profiler(apple) }).view)).toEqual([
      {
        name: 'Apple M2 Pro',
        vendor: 'apple',
        driver: 'Metal',
        memoryBytes: 32 * 2 ** 30,
        sharesMemory: true,
      },
    ]);
    const card = JSON.stringify({
      SPDisplaysDataType: [
        { sppci_model: 'AMD Radeon Pro 5500M', spdisplays_vram: '8 GB' },
        { sppci_model: 'Virtual Display' },
      ],
    });
    expect(await findGpus(system({ platform: 'darwin', tools: profiler(card) }).view)).toEqual([
      { name: 'AMD Radeon Pro 5500M', vendor: 'amd', driver: 'Metal', memoryBytes: 8 * 2 ** 30 },
    ]);
  });

  it('takes the processor where the profile cannot be had', async () => {
    const fake = { platform: 'darwin', processorName: 'Apple M3', tools: profiler('no JSON') } as const;
    expect((await findGpus(system(fake).view)).map(({ name }) => name)).toEqual(['Apple M3']);
    expect(
      await findGpus(system({ platform: 'darwin', processorName: 'Intel(R) Core(TM) i9' }).view),
    ).toEqual([]);
  });
});

it('asks this machine without failing or hanging', async () => {
  for (const { name, vendor } of await findGpus(thisSystem())) {
    expect(name).not.toBe('');
    expect(['nvidia', 'amd', 'intel', 'apple']).toContain(vendor);
  }
  expect(await thisSystem().run('no-such-tool-of-anyone', [])).toBeUndefined();
  expect(await thisSystem().readText('/no/such/file')).toBeUndefined();
});
