import { describe, expect, it } from 'vitest';
import {
  checkEndpoint,
  hubUriPath,
  isPlainPath,
  parseHubReference,
  parseHubUriPath,
} from '../../../src/hub/hubLocation';

describe('parseHubReference', () => {
  it.each([
    ['org/name', { name: 'org/name', revision: 'main' }],
    ['  gpt2 ', { name: 'gpt2', revision: 'main' }],
    ['org/name@refs/pr/3', { name: 'org/name', revision: 'refs/pr/3' }],
    ['https://huggingface.co/org/na.me', { name: 'org/na.me', revision: 'main' }],
    ['huggingface.co/org/name/', { name: 'org/name', revision: 'main' }],
    ['https://hf.co/gpt2/tree/v1?x=1#top', { name: 'gpt2', revision: 'v1' }],
    ['https://huggingface.co/org/name/tree/refs/pr/3/sub', { name: 'org/name', revision: 'refs/pr/3' }],
    [
      'https://huggingface.co/org/name/blob/a%2Fb/x/m.gguf?download=true',
      { name: 'org/name', revision: 'a/b', path: 'x/m.gguf' },
    ],
    [
      'https://huggingface.co/org/name/resolve/main/m.gguf',
      { name: 'org/name', revision: 'main', path: 'm.gguf' },
    ],
    ['https://huggingface.co/org/name/discussions', { name: 'org/name', revision: 'main' }],
    ['http://127.0.0.1:99/org/name', { name: 'org/name', revision: 'main' }],
  ])('reads %s', (text, expected) => {
    expect(parseHubReference(text, 'http://127.0.0.1:99')).toEqual(expected);
  });

  it.each([
    ['', /org\/name/],
    ['a/b/c', /no model's name/],
    ['../name', /no model's name/],
    ['org/..', /no model's name/],
    ['org/name?x', /no model's name/],
    ['org/na me', /no model's name/],
    ['org/name@', /revision/],
    ['org/name@a/../b', /revision/],
    ['https://example.org/org/name', /example\.org is not the Hub/],
    ['https://huggingface.co.example.org/org/name', /is not the Hub/],
    ['https://huggingface.co/datasets/org/name', /dataset/],
    ['https://huggingface.co/org/name/tree/%E0%A4%A', /no valid address/],
    ['https://', /no valid address/],
  ])('refuses %j', (text, message) => {
    expect(() => parseHubReference(text)).toThrow(message);
  });
});

describe('the path of a URI', () => {
  it.each([
    { name: 'org/name', revision: 'main', path: 'model.safetensors' },
    { name: 'gpt2', revision: 'refs/pr/3', path: 'a/b c/m@x.gguf' },
  ])('leads back: %j', (location) => {
    expect(parseHubUriPath(hubUriPath(location))).toEqual(location);
  });

  it.each([
    '/org/name/model.safetensors',
    '/org/name@main',
    '/org/name@main/../x',
    '/org/name@%ZZ/x',
    '/o/r/g@main/x',
    '/org/name@main/a\\b',
  ])('refuses %s', (path) => {
    expect(() => parseHubUriPath(path)).toThrow();
  });
});

it('takes only paths that stay inside on every system', () => {
  expect(isPlainPath('a/b.gguf')).toBe(true);
  for (const path of ['', '/a', 'a//b', './a', 'a/..', 'C:/a', 'a\\b', 'a\0'])
    expect(isPlainPath(path)).toBe(false);
});

it('takes only plain addresses for an endpoint', () => {
  expect(checkEndpoint('https://hub.example.org/hf/')).toBe('https://hub.example.org/hf');
  for (const text of ['', 'hub', 'file:///etc', 'https://u:p@h', 'https://h/?x', 'https://h/#x'])
    expect(() => checkEndpoint(text)).toThrow(/endpoint/);
});
