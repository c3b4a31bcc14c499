/** Entry point of the embedded engine: `node dist/sim.js frontend [flags]` and `node dist/sim.js worker [flags]`. */
import { simProcess } from './process.ts';

await simProcess(process.argv.slice(2));
