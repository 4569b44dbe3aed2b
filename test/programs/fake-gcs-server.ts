/** fake-gcs-server: Google Cloud Storage's JSON API, by others than Google. It asks for no credentials. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { goProgram, installProgram, type Say } from './install.ts';
import { startServer } from './server-process.ts';

const module = 'github.com/fsouza/fake-gcs-server';
const folder = fileURLToPath(new URL('./fake-gcs-server', import.meta.url));

export interface FakeGcs {
  /** host:port, plain http. */
  endpoint: string;
  createBucket(name: string): Promise<void>;
  put(bucket: string, name: string, contents: string): Promise<void>;
  stop(): Promise<void>;
}

/** The binary, built first where it is not. */
export function installFakeGcs(say?: Say): Promise<string> {
  return installProgram({ prefix: 'sources', name: 'fake-gcs-server', folder }, goProgram(module, module), say);
}

/** Starts it in memory; builds it first where it is not. */
export async function startFakeGcs(dir: string, say?: Say): Promise<FakeGcs> {
  const command = await installFakeGcs(say);
  const { port, stop } = await startServer({
    name: 'fake-gcs-server',
    command,
    args: port => ['-backend', 'memory', '-scheme', 'http', '-host', '127.0.0.1', '-port', String(port)],
    cwd: dir,
    log: join(dir, 'fake-gcs-server.log'),
  });
  const endpoint = `127.0.0.1:${port}`;
  const post = async (path: string, body: string, type: string) => {
    const answer = await fetch(`http://${endpoint}${path}`, {
      method: 'POST',
      body,
      headers: { 'content-type': type },
    });
    if (!answer.ok) throw new Error(`fake-gcs-server answers ${answer.status}: ${await answer.text()}`);
  };
  return {
    endpoint,
    createBucket: name => post('/storage/v1/b', JSON.stringify({ name }), 'application/json'),
    put: (bucket, name, contents) =>
      post(
        `/upload/storage/v1/b/${bucket}/o?uploadType=media&name=${encodeURIComponent(name)}`,
        contents,
        'application/octet-stream',
      ),
    stop,
  };
}
