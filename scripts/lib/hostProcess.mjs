/**
 * Runs the VS Code server in this process, and ends when the script that started it is gone, however it went:
 * `node hostProcess.mjs PARENT_PID SERVER_MAIN [server arguments]`.
 */
import { pathToFileURL } from 'node:url';

const [parent, serverMain] = process.argv.splice(2, 2);
setInterval(() => {
  try {
    process.kill(Number(parent), 0);
  } catch {
    process.exit(0);
  }
}, 500).unref();
process.argv[1] = serverMain;
await import(pathToFileURL(serverMain).href);
