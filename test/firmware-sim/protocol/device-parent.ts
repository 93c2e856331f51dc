/** A program that has a device open, and is killed: argv is the folder and the compiled process of a device. */
import { fork } from 'node:child_process';
import process from 'node:process';

const [folder = '', entry = ''] = process.argv.slice(2);
const device = fork(entry, [folder], { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
device.once('message', () => process.send?.('ready'));
