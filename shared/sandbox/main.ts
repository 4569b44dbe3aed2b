/**
 * The sandbox cluster as a process of its own:
 *
 *     node shared/sandbox/main.ts --dir <state> [--host 127.0.0.1] [--port 0]
 *
 * Writes one JSON line to stdout when it serves, log lines to stderr, and ends on SIGTERM and SIGINT.
 */
import { parseArgs } from 'node:util';
import { startSandbox } from './server.ts';

const { values } = parseArgs({
  options: { dir: { type: 'string' }, host: { type: 'string' }, port: { type: 'string' } },
});
if (!values.dir) {
  process.stderr.write('usage: main.ts --dir <state> [--host 127.0.0.1] [--port 0]\n');
  process.exit(2);
}

const sandbox = await startSandbox({
  dir: values.dir,
  ...(values.host ? { host: values.host } : {}),
  ...(values.port ? { port: Number(values.port) } : {}),
  log: (message, fields) =>
    process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), message, ...fields })}\n`),
});
process.stdout.write(`${JSON.stringify({ url: sandbox.url, kubeconfig: `${values.dir}/kubeconfig` })}\n`);

const end = (): void => {
  sandbox.close().then(
    () => process.exit(0),
    () => process.exit(1),
  );
};
process.once('SIGTERM', end);
process.once('SIGINT', end);
