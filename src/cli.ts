/** The command line's composition root: the same engine as the editor's, without VS Code. */
import { runCli } from './cli/run';

process.exitCode = await runCli(process.argv.slice(2));
