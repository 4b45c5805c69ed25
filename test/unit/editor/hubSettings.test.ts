/** Which Hub is asked with which token, against a made-up `vscode`. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { HubSettings } from '../../../src/editor/hubSettings';

const host = vi.hoisted(() => ({ isTrusted: true, settings: {} as Record<string, unknown> }));
vi.mock('vscode', () => ({
  workspace: {
    get isTrusted() {
      return host.isTrusted;
    },
    getConfiguration: () => ({
      get: (name: string, otherwise: unknown) => host.settings[name] ?? otherwise,
    }),
  },
}));

/** SecretStorage in memory. */
function secretStorage() {
  const kept = new Map<string, string>();
  return {
    get: async (key: string) => kept.get(key),
    store: async (key: string, value: string) => void kept.set(key, value),
    delete: async (key: string) => void kept.delete(key),
  } as unknown as ConstructorParameters<typeof HubSettings>[0];
}

beforeEach(() => {
  vi.stubEnv('HF_TOKEN', '');
  vi.stubEnv('HF_ENDPOINT', '');
  host.isTrusted = true;
  host.settings = {};
});
afterEach(() => vi.unstubAllEnvs());

describe('HubSettings', () => {
  it('asks the setting for the endpoint, then the environment', () => {
    const hub = new HubSettings(secretStorage());
    expect(hub.endpoint()).toBe('https://huggingface.co');
    vi.stubEnv('HF_ENDPOINT', 'https://mirror.example/');
    expect(hub.endpoint()).toBe('https://mirror.example');
    host.settings['hub.endpoint'] = 'https://hub.example/hf';
    expect(hub.endpoint()).toBe('https://hub.example/hf');
    host.settings['hub.endpoint'] = 'file:///etc/passwd';
    expect(() => hub.endpoint()).toThrow(/plain http or https/);
  });

  it('keeps a token for the endpoint that it was set for', async () => {
    const hub = new HubSettings(secretStorage());
    await hub.setToken('hf_kept');
    expect(await hub.access()).toEqual({ endpoint: 'https://huggingface.co', token: 'hf_kept' });
    host.settings['hub.endpoint'] = 'https://elsewhere.example';
    expect(await hub.access()).toEqual({ endpoint: 'https://elsewhere.example' });
    vi.stubEnv('HF_TOKEN', 'hf_environment');
    expect((await hub.access()).token).toBe('hf_environment');
    host.settings = {};
    expect((await hub.access()).token).toBe('hf_kept');
    await hub.setToken('');
    expect((await hub.access()).token).toBe('hf_environment');
  });

  it('gives no access in Restricted Mode, and says why', async () => {
    const hub = new HubSettings(secretStorage());
    host.isTrusted = false;
    await expect(hub.access()).rejects.toMatchObject({
      code: 'refused',
      message: 'Opening models from the Hub sends requests, so it waits until this workspace is trusted.',
    });
  });
});
