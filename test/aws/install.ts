/**
 * Installs the programs that stand in for AWS in test/aws, each once per version, by the package client of its language
 * and from pins in the folder of its name, into a cache outside the checkout. A few minutes the first time, nothing afterwards.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const here = dirname(fileURLToPath(import.meta.url));
const execute = promisify(execFile);

/** What is installed, by its name, and where. */
export interface AwsPrograms {
  /** S3: the binary. */
  versitygw: string;
  /** SQS: the folder of its jars. */
  elasticmq: string;
  /** DynamoDB: the folder of its jars (with the libraries for SQLite) and of LoopbackDynamoDb.class. */
  dynamodb: string;
  /** Secrets Manager and others: the Python whose module `moto.server` it is. */
  moto: string;
  /** Lambda's runtime interface emulator: the binary for this machine. */
  emulator: string;
  /** Lambda's runtime client: the folder node_modules that has aws-lambda-ric. */
  ric: string;
}

interface Program {
  /** Files of its folder that pin it; they also decide whether it must be installed anew. */
  pins: string[];
  /** Where its version stands in the first of them. */
  version: RegExp;
  /** Installs into an empty folder, which is moved afterwards. */
  install(out: string, folder: string): Promise<void>;
  /** What is used of it, relative to its folder. */
  used: string;
}

const programs: Record<keyof AwsPrograms, Program> = {
  versitygw: {
    pins: ['go.mod', 'go.sum'],
    version: /github\.com\/versity\/versitygw v(\S+)/,
    used: 'versitygw',
    async install(out, folder) {
      const flags = ['-trimpath', '-ldflags', '-s -w', '-buildvcs=false'];
      await run(
        'go',
        ['build', ...flags, '-o', join(out, 'versitygw'), 'github.com/versity/versitygw/cmd/versitygw'],
        folder,
      );
    },
  },
  elasticmq: {
    pins: ['pom.xml'],
    version: /<version>(\d+\.\d+\.\d+)<\/version>/,
    used: '.',
    install: copyJars,
  },
  dynamodb: {
    pins: ['pom.xml', 'LoopbackDynamoDb.java'],
    version: /<version>(\d+\.\d+\.\d+)<\/version>/,
    used: '.',
    async install(out, folder) {
      await copyJars(out, folder);
      await run('javac', ['-cp', join(out, '*'), '-d', out, join(folder, 'LoopbackDynamoDb.java')], folder);
    },
  },
  moto: {
    pins: ['requirements.txt'],
    version: /^moto\S*==(\S+)/m,
    used: 'bin/python',
    install: (out, folder) => installPython(out, folder),
  },
  emulator: {
    pins: ['requirements.txt'],
    version: /^aws-sam-cli==(\S+)/m,
    used: 'aws-lambda-rie',
    async install(out, folder) {
      // The emulator is published within AWS's SAM CLI; nothing else of that is used.
      const venv = join(out, 'venv');
      await installPython(venv, folder, '--no-deps');
      const name = `aws-lambda-rie-${process.arch === 'arm64' ? 'arm64' : 'x86_64'}`;
      const [found] = globSync(join(venv, 'lib/python*/site-packages/samcli/local/rapid', name));
      if (!found) throw new Error(`the wheel of aws-sam-cli that ${folder} pins has no ${name}`);
      copyFileSync(found, join(out, 'aws-lambda-rie'));
      chmodSync(join(out, 'aws-lambda-rie'), 0o755);
      rmSync(venv, { recursive: true });
    },
  },
  ric: {
    pins: ['package-lock.json', 'package.json'],
    version: /"node_modules\/aws-lambda-ric": \{\s*"version": "([^"]+)"/,
    used: 'node_modules',
    async install(out, folder) {
      for (const file of ['package.json', 'package-lock.json']) copyFileSync(join(folder, file), join(out, file));
      await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], out, nodeHeaders());
    },
  },
};

/** Where the program is, or will be, in the cache. */
function placeOf(name: keyof AwsPrograms): string {
  const { pins, version } = programs[name];
  const texts = pins.map(file => readFileSync(join(here, name, file), 'utf8'));
  const found = version.exec(texts[0]!)?.[1];
  if (!found) throw new Error(`test/aws/${name}/${pins[0]} names no version of ${name}`);
  const hash = createHash('sha256').update(texts.join('\0')).digest('hex').slice(0, 8);
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sluice', `aws-${name}-${found}-${hash}`);
}

/** The program's path, installed first where it is not. Throws what is missing for that, or the installer's output. */
export async function installProgram(name: keyof AwsPrograms, say: (line: string) => void = () => {}): Promise<string> {
  const place = placeOf(name);
  if (!existsSync(place)) {
    const began = performance.now();
    say(`installing ${name} for the tests on AWS's stand-ins`);
    await installInto(place, out => programs[name].install(out, join(here, name)));
    say(`installed ${name} in ${Math.round((performance.now() - began) / 1000)} s`);
  }
  return join(place, programs[name].used);
}

/** All programs, installed side by side where they are not. */
export async function installAws(say?: (line: string) => void): Promise<AwsPrograms> {
  const names = Object.keys(programs) as (keyof AwsPrograms)[];
  const paths = await Promise.all(names.map(async name => [name, await installProgram(name, say)] as const));
  return Object.fromEntries(paths) as Record<keyof AwsPrograms, string>;
}

/** Built beside its place and moved in one step: an interrupted installation leaves nothing half-done, and of two that race one stays. */
async function installInto(place: string, install: (out: string) => Promise<void>): Promise<void> {
  mkdirSync(dirname(place), { recursive: true });
  const out = mkdtempSync(`${place}-`);
  try {
    await install(out);
    renameSync(out, place);
  } catch (error) {
    rmSync(out, { recursive: true, force: true });
    // Another process was faster.
    if (!existsSync(place)) throw error;
  }
}

async function copyJars(out: string, folder: string): Promise<void> {
  // Maven writes into the folder it runs in, and that one may be read by another process.
  copyFileSync(join(folder, 'pom.xml'), join(out, 'pom.xml'));
  await run('mvn', ['-B', '-q', '-C', 'dependency:copy-dependencies', `-DoutputDirectory=${out}`], out);
}

/** A virtual environment with what the folder's requirements.txt pins, by version and hash. It may be moved as long as its scripts are not used. */
async function installPython(venv: string, folder: string, ...options: string[]): Promise<void> {
  await run('python3', ['-m', 'venv', venv], folder);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--require-hashes', ...options];
  await run(join(venv, 'bin/python'), [...pip, '-r', join(folder, 'requirements.txt')], folder);
}

/** How to get what an installation needs. */
const needs: Record<string, string> = {
  go: 'Go 1.26 or later (https://go.dev/dl)',
  mvn: 'Maven 3 (https://maven.apache.org; Debian: apt-get install maven)',
  javac: 'a Java development kit 17 or later (https://adoptium.net; Debian: apt-get install openjdk-17-jdk-headless)',
  java: 'Java 17 or later (https://adoptium.net; Debian: apt-get install openjdk-17-jre-headless)',
  python3: 'Python 3.10 or later with venv (https://www.python.org; Debian: apt-get install python3-venv)',
  npm: 'npm, which comes with Node (https://nodejs.org)',
};

/** What cannot be installed, or run, and why. */
export class InstallFailed extends Error {
  readonly code = 'InstallFailed';
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'InstallFailed';
  }
}

/**
 * The headers of a Node that is installed on the machine, where there are any: node-gyp would otherwise download them, which not every
 * machine may. Of what version they are does not matter, since the client's addon keeps to Node-API.
 */
function nodeHeaders(): Record<string, string> {
  if (process.env.npm_config_nodedir) return {};
  const prefixes = (process.env.PATH ?? '').split(delimiter).map(folder => dirname(folder));
  const found = prefixes.find(prefix => existsSync(join(prefix, 'include/node/common.gypi')));
  return found === undefined ? {} : { npm_config_nodedir: found };
}

async function run(command: string, args: string[], cwd: string, more: Record<string, string> = {}): Promise<void> {
  // `npm run` tells npm's own children which project they are in; this is another one.
  const { npm_config_local_prefix: _, ...env } = process.env;
  // The project's Node, for what is built against it.
  const path = [dirname(process.execPath), env.PATH].join(delimiter);
  try {
    await execute(command, args, { cwd, env: { ...env, ...more, PATH: path }, maxBuffer: 1 << 26 });
  } catch (error) {
    throw failure(command, args, error);
  }
}

/** `error` is what starting or running the program threw. */
export function failure(command: string, args: string[], error: unknown): InstallFailed {
  const {
    code,
    stderr = '',
    stdout = '',
    message,
  } = error as { code?: unknown; stderr?: string; stdout?: string; message: string };
  if (code === 'ENOENT')
    return new InstallFailed(
      `${command} is not there, which the tests on AWS's stand-ins need; install ${needs[command] ?? command}`,
      { cause: error },
    );
  const said = (stderr.trim() || stdout.trim() || message).split('\n').slice(-20).join('\n');
  return new InstallFailed(`\`${command} ${args.join(' ')}\` failed:\n${said}`, { cause: error });
}
