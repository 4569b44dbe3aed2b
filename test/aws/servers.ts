/**
 * Independent servers that stand in for AWS on this machine: versitygw (S3), ElasticMQ (SQS), DynamoDB Local, moto (Secrets
 * Manager, STS and others). `npm run test:aws` starts them once for all test files; a file that is run alone starts its own.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { checkJava, type ServerProcess, startServer } from '../programs/server-process.ts';
import { installAwsProgram } from './install.ts';

/** The servers' endpoints. */
export interface AwsServers {
  /** For a process that is to use them through the SDK: AWS_ENDPOINT_URL_…, region and credentials, and no others of this machine. */
  env: Record<string, string>;
  /** URLs, with no trailing slash. */
  s3: string;
  sqs: string;
  dynamodb: string;
  secrets: string;
  /** moto, which also answers as most other services. */
  moto: string;
  /** Ends them, unless they are shared with others. */
  close(): Promise<void>;
}

/** What all of them know; no credentials of anybody. */
export const region = 'eu-west-1';
export const credentials = { accessKeyId: 'AKIASLUICETESTS', secretAccessKey: 'only/for+tests' };

/** Hands the endpoints from the test command to the test files. */
const shared = 'SLUICE_TEST_AWS_SERVERS';

type Endpoints = Record<'s3' | 'sqs' | 'dynamodb' | 'moto', string>;

/** The servers of the test command, or else servers of our own, started within some seconds (and installed first where they are not). */
export async function startAwsServers(): Promise<AwsServers> {
  const given = process.env[shared];
  if (given) return serversAt(JSON.parse(given) as Endpoints, async () => {});
  const dir = mkdtempSync(join(tmpdir(), 'sluice-aws-'));
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  const starting = [startVersitygw(dir), startElasticMq(dir), startDynamoDb(dir), startMoto(dir)];
  const close = async () => {
    const started = await Promise.allSettled(starting);
    await Promise.all(started.map(each => each.status === 'fulfilled' && each.value.stop()));
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    const [s3, sqs, dynamodb, moto] = await Promise.all(starting);
    return serversAt({ s3: url(s3!), sqs: url(sqs!), dynamodb: url(dynamodb!), moto: url(moto!) }, close);
  } catch (error) {
    await close();
    throw error;
  }
}

/** The environment in which `startAwsServers` answers with these. */
export function sharedEnvironment({ s3, sqs, dynamodb, moto }: AwsServers): Record<string, string> {
  return { [shared]: JSON.stringify({ s3, sqs, dynamodb, moto } satisfies Endpoints) };
}

function serversAt(endpoints: Endpoints, close: () => Promise<void>): AwsServers {
  const { s3, sqs, dynamodb, moto } = endpoints;
  const env = {
    AWS_ENDPOINT_URL_S3: s3,
    AWS_ENDPOINT_URL_SQS: sqs,
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb,
    AWS_ENDPOINT_URL_SECRETS_MANAGER: moto,
    AWS_ENDPOINT_URL_STS: moto,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    SLUICE_S3_PATH_STYLE: 'true',
    SLUICE_ALLOW_LOOPBACK: 'true',
  };
  return { env, s3, sqs, dynamodb, secrets: moto, moto, close };
}

/** For programs that run for minutes: Java is to start fast, and to be content with little. */
const lean = ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];

function url(server: ServerProcess): string {
  return `http://127.0.0.1:${server.port}`;
}

/** S3. Its file system must have extended attributes. */
export async function startVersitygw(dir: string): Promise<ServerProcess> {
  const data = join(dir, 's3');
  mkdirSync(data, { recursive: true });
  const keys = ['--access', credentials.accessKeyId, '--secret', credentials.secretAccessKey, '--region', region];
  return startServer({
    name: 'versitygw',
    command: await installAwsProgram('versitygw'),
    args: port => ['--port', `127.0.0.1:${port}`, ...keys, '--keep-alive', '--quiet', 'posix', data],
    cwd: dir,
    log: join(dir, 'versitygw.log'),
  });
}

/** SQS. With strict limits, bodies have at most 256 KiB, as on AWS until 2025; with relaxed ones, little is checked. */
export async function startElasticMq(dir: string, limits: 'strict' | 'relaxed' = 'strict'): Promise<ServerProcess> {
  await checkJava();
  const jars = await installAwsProgram('elasticmq');
  return startServer({
    name: 'ElasticMQ',
    command: 'java',
    args: port => {
      const file = join(dir, `elasticmq-${port}.conf`);
      writeFileSync(file, elasticMqSettings(port, limits));
      return [...lean, `-Dconfig.file=${file}`, '-cp', join(jars, '*'), 'org.elasticmq.server.Main'];
    },
    cwd: dir,
    log: join(dir, 'elasticmq.log'),
  });
}

function elasticMqSettings(port: number, limits: string): string {
  return `include classpath("application.conf")
node-address { protocol = http, host = "127.0.0.1", port = ${port}, context-path = "" }
rest-sqs { enabled = true, bind-port = ${port}, bind-hostname = "127.0.0.1", sqs-limits = ${limits} }
rest-stats.enabled = false
aws { region = ${region}, accountId = "000000000000" }
`;
}

/** DynamoDB, in memory; each access key and region has tables of its own. */
export async function startDynamoDb(dir: string): Promise<ServerProcess> {
  await checkJava();
  const jars = await installAwsProgram('dynamodb');
  const classPath = [jars, join(jars, '*')].join(delimiter);
  return startServer({
    name: 'DynamoDB Local',
    command: 'java',
    args: port => {
      const own = ['-inMemory', '-disableTelemetry', '-port', String(port)];
      return [...lean, `-Djava.library.path=${jars}`, '-cp', classPath, 'LoopbackDynamoDb', ...own];
    },
    cwd: dir,
    log: join(dir, 'dynamodb.log'),
  });
}

/** Secrets Manager and others, in memory. */
export async function startMoto(dir: string): Promise<ServerProcess> {
  return startServer({
    name: 'moto',
    command: await installAwsProgram('moto'),
    args: port => ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)],
    cwd: dir,
    log: join(dir, 'moto.log'),
    // Its reloader and its log of requests have no use here.
    env: { PYTHONDONTWRITEBYTECODE: '1' },
  });
}
