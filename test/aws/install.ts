/**
 * Installs the programs that stand in for AWS in test/aws, each once per version, by the package client of its language
 * and from pins in the folder of its name, into a cache outside the checkout. A few minutes the first time, nothing afterwards.
 */
import { chmodSync, copyFileSync, globSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  goProgram,
  installProgram,
  installPython,
  nodeHeaders,
  type Program,
  run,
  type Say,
} from '../programs/install.ts';

const here = dirname(fileURLToPath(import.meta.url));

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

const programs: Record<keyof AwsPrograms, Program> = {
  versitygw: goProgram('github.com/versity/versitygw/cmd/versitygw', 'github.com/versity/versitygw'),
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

/** The program's path, installed first where it is not. Throws what is missing for that, or the installer's output. */
export function installAwsProgram(name: keyof AwsPrograms, say?: Say): Promise<string> {
  return installProgram({ prefix: 'aws', name, folder: join(here, name) }, programs[name], say);
}

/** All programs, installed side by side where they are not. */
export async function installAws(say?: Say): Promise<AwsPrograms> {
  const names = Object.keys(programs) as (keyof AwsPrograms)[];
  const paths = await Promise.all(names.map(async name => [name, await installAwsProgram(name, say)] as const));
  return Object.fromEntries(paths) as Record<keyof AwsPrograms, string>;
}

async function copyJars(out: string, folder: string): Promise<void> {
  // Maven writes into the folder it runs in, and that one may be read by another process.
  copyFileSync(join(folder, 'pom.xml'), join(out, 'pom.xml'));
  await run('mvn', ['-B', '-q', '-C', 'dependency:copy-dependencies', `-DoutputDirectory=${out}`], out);
}
