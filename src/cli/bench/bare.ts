/** `dynamo bench-bare-server`: what the load generator is measured on. It ends with the program that started it. */
import { serveBare } from '../../bench/bare-server.ts';
import type { Configure } from '../verb.ts';

export const configure: Configure = (command, settle) => {
  command.action(async () => {
    process.stdout.write(`${await serveBare()}\n`);
    // Its end of the pipe closes with the other program, however that ends.
    await new Promise((resolve) => process.stdin.resume().once('close', resolve).once('end', resolve));
    settle(0);
  });
};
