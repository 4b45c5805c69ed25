/** Finding a Chrome or Chromium, and opening the user's own browser. */
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { start } from './processes.mjs';

/** The absolute path of a program on PATH, or undefined. */
export function onPath(name) {
  const endings = process.platform === 'win32' ? ['.exe', '.cmd', ''] : [''];
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    for (const ending of endings) {
      const path = join(folder, name + ending);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {}
    }
  }
  return undefined;
}

function usualPaths() {
  if (process.platform === 'darwin') {
    return ['Google Chrome', 'Chromium', 'Microsoft Edge'].map(
      (name) => `/Applications/${name}.app/Contents/MacOS/${name}`,
    );
  }
  if (process.platform === 'win32') {
    const folders = [process.env.PROGRAMFILES, process.env['PROGRAMFILES(X86)'], process.env.LOCALAPPDATA];
    const programs = ['Google\\Chrome\\Application\\chrome.exe', 'Microsoft\\Edge\\Application\\msedge.exe'];
    return folders.filter(Boolean).flatMap((folder) => programs.map((program) => join(folder, program)));
  }
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'microsoft-edge'];
  return names.map(onPath).filter(Boolean);
}

/** The Chrome or Chromium that drives tests: CHROME_PATH, or an installed one; undefined when there is none. */
export function findChrome() {
  return [process.env.CHROME_PATH, ...usualPaths()].find((path) => path && existsSync(path));
}

/** How to get one, for the message that says that it is missing. */
export const chromeAdvice =
  'No Chrome or Chromium was found. Install one (Debian: apt-get install chromium), or name it in CHROME_PATH.';

/** Options for playwright-core's `chromium.launch`: headless, quiet, nothing fetched in the background. */
export const launchOptions = (executablePath = findChrome()) => ({
  executablePath,
  headless: true,
  // The scripts end what they started in their own order; the browser is ended with the process at the latest.
  handleSIGINT: false,
  handleSIGTERM: false,
  handleSIGHUP: false,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});

/** Opens a URL in the user's browser where there is a screen to show it; returns whether it was tried. */
export function openInBrowser(url) {
  if (process.env.CI) return false;
  const [command, ...args] =
    process.platform === 'darwin'
      ? ['open', url]
      : process.platform === 'win32'
        ? ['rundll32', 'url.dll,FileProtocolHandler', url]
        : [onPath('xdg-open') ?? '', url];
  const hasScreen = process.platform !== 'linux' || process.env.DISPLAY || process.env.WAYLAND_DISPLAY;
  if (!command || !hasScreen) return false;
  start(command, args, { stdio: 'ignore' }).on('error', () => {});
  return true;
}
