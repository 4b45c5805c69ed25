/** Finding an installed desktop VS Code. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { onPath } from './browsers.mjs';

/** Pairs of the application and its command-line wrapper, at the usual places. */
function usualPlaces() {
  if (process.platform === 'darwin') {
    const homes = ['/Applications', join(process.env.HOME ?? '', 'Applications')];
    const names = ['Visual Studio Code', 'Visual Studio Code - Insiders', 'VSCodium'];
    return homes.flatMap((home) =>
      names.flatMap((name) => {
        const contents = join(home, `${name}.app`, 'Contents');
        const cli = join(contents, 'Resources', 'app', 'bin', name === 'VSCodium' ? 'codium' : 'code');
        return ['Code', 'Electron', 'VSCodium'].map((program) => ({
          app: join(contents, 'MacOS', program),
          cli,
        }));
      }),
    );
  }
  if (process.platform === 'win32') {
    const folders = [join(process.env.LOCALAPPDATA ?? '', 'Programs'), process.env.PROGRAMFILES ?? ''];
    return folders.flatMap((folder) => [
      {
        app: join(folder, 'Microsoft VS Code', 'Code.exe'),
        cli: join(folder, 'Microsoft VS Code', 'bin', 'code.cmd'),
      },
      { app: join(folder, 'VSCodium', 'VSCodium.exe'), cli: join(folder, 'VSCodium', 'bin', 'codium.cmd') },
    ]);
  }
  const named = ['code', 'code-insiders', 'codium'].map((name) => ({ app: onPath(name), cli: onPath(name) }));
  return [
    { app: '/usr/share/code/code', cli: '/usr/share/code/bin/code' },
    { app: '/usr/share/code-insiders/code-insiders', cli: '/usr/share/code-insiders/bin/code-insiders' },
    { app: '/usr/share/codium/codium', cli: '/usr/share/codium/bin/codium' },
    ...named,
  ];
}

/**
 * An installed desktop VS Code: `{ app, cli }`, absolute paths of the application and of its command-line wrapper, or
 * undefined. VSCODE_EXECUTABLE names one that is not at its usual place; a wrapper beside it is used if there is one.
 */
export function findDesktop() {
  const named = process.env.VSCODE_EXECUTABLE;
  if (named) {
    if (!existsSync(named)) return undefined;
    const name = process.platform === 'win32' ? 'code.cmd' : 'code';
    const wrapper = join(dirname(named), 'bin', name);
    return { app: named, cli: existsSync(wrapper) ? wrapper : named };
  }
  return usualPlaces().find(({ app, cli }) => app && cli && existsSync(app) && existsSync(cli));
}

/** How to get one, for the message that says that it is missing. */
export const desktopAdvice = process.env.VSCODE_EXECUTABLE
  ? `VSCODE_EXECUTABLE names ${process.env.VSCODE_EXECUTABLE}, which does not exist.`
  : 'No desktop VS Code was found at the usual places. Install one from code.visualstudio.com, or name its executable in VSCODE_EXECUTABLE.';

/** Electron refuses to run as root with its sandbox on. */
export const desktopFlags = process.platform === 'linux' && process.getuid?.() === 0 ? ['--no-sandbox'] : [];
