/** The two things that a bare Debian lacks: a browser for the tests, and fonts for what it shows. */
import { existsSync, readFileSync } from 'node:fs';
import { PlainError, say } from './announce.mjs';
import { chromeAdvice, findChrome, onPath } from './browsers.mjs';
import { run } from './processes.mjs';
import { announced, skipped } from './steps.mjs';

function distribution() {
  if (!existsSync('/etc/os-release')) return undefined;
  const text = readFileSync('/etc/os-release', 'utf8');
  const field = (name) => new RegExp(`^${name}="?([^"\n]*)`, 'm').exec(text)?.[1] ?? '';
  return [field('ID'), ...field('ID_LIKE').split(' ')].find((id) => id === 'ubuntu' || id === 'debian');
}

const fontFolder = '/usr/share/fonts/truetype/dejavu';

/** Makes sure that there is a Chrome or Chromium; with `required: false` only tries. */
export async function ensureBrowser({ required }) {
  const kind = process.platform === 'linux' ? distribution() : undefined;
  const canInstall = kind !== undefined && process.getuid?.() === 0 && onPath('apt-get') !== undefined;
  const wanted = [];
  if (!findChrome()) wanted.push(kind === 'ubuntu' ? 'chromium-browser' : 'chromium');
  if (canInstall && !existsSync(fontFolder)) wanted.push('fonts-dejavu-core');
  if (wanted.length === 0) {
    skipped(`Browser (${findChrome()})`);
    return;
  }
  if (canInstall) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    await announced(`Installing Debian packages: ${wanted.join(', ')}`, async () => {
      // An installation that was interrupted is finished first; without that apt refuses everything else.
      await run('dpkg', ['--configure', '-a'], { quiet: true, allowFailure: true, env });
      await run('apt-get', ['update', '-q'], { quiet: true, env, timeoutMs: 300_000 });
      await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', ...wanted], {
        quiet: true,
        env,
        timeoutMs: 900_000,
      });
    });
  }
  if (findChrome()) return;
  if (required) throw new PlainError(chromeAdvice);
  say(`  ${chromeAdvice}`);
}
