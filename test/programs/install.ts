/**
 * Installs programs that tests run beside ours, each once per version, by the package client of its language and from pins
 * in the folder of its name, into a cache outside the checkout.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

export interface Program {
  /** Files of its folder that pin it; they also decide whether it must be installed anew. */
  pins: string[];
  /** Where its version stands in the first of them. */
  version: RegExp;
  /** Installs into an empty folder, which is moved afterwards. */
  install(out: string, folder: string): Promise<void>;
  /** What is used of it, relative to its folder. */
  used: string;
}

export type Say = (line: string) => void;

/** Where installed programs lie. */
export function cacheDirectory(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'sluice');
}

/** Where the program is, or will be, in the cache. `prefix` tells the suite, `folder` holds the pins. */
function placeOf(prefix: string, name: string, { pins, version }: Program, folder: string): string {
  const texts = pins.map(file => readFileSync(join(folder, file), 'utf8'));
  const found = version.exec(texts[0]!)?.[1];
  if (!found) throw new Error(`${join(folder, pins[0]!)} names no version of ${name}`);
  const hash = createHash('sha256').update(texts.join('\0')).digest('hex').slice(0, 8);
  return join(cacheDirectory(), `${prefix}-${name}-${found}-${hash}`);
}

/** The program's path, installed first where it is not. Throws what is missing for that, or the installer's output. */
export async function installProgram(
  { prefix, name, folder }: { prefix: string; name: string; folder: string },
  program: Program,
  say: Say = () => {},
): Promise<string> {
  const place = placeOf(prefix, name, program, folder);
  await installOnce(name, place, out => program.install(out, folder), say);
  return join(place, program.used);
}

async function installOnce(
  name: string,
  place: string,
  install: (out: string) => Promise<void>,
  say: Say,
): Promise<void> {
  if (existsSync(place)) return;
  const began = performance.now();
  say(`installing ${name} for the tests`);
  await installInto(place, install);
  say(`installed ${name} in ${Math.round((performance.now() - began) / 1000)} s`);
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

/** A command of the Go module that the folder's go.mod and go.sum pin; it is named as the last part of its path. */
export function goProgram(command: string, module: string): Program {
  const name = command.split('/').at(-1)!;
  return {
    pins: ['go.mod', 'go.sum'],
    version: new RegExp(`${module.replaceAll('.', '\\.')} v(\\S+)`),
    used: name,
    async install(out, folder) {
      const flags = ['-trimpath', '-ldflags', '-s -w', '-buildvcs=false'];
      await run('go', ['build', ...flags, '-o', join(out, name), command], folder);
    },
  };
}

/**
 * A program of a Debian package, unpacked without being installed, in the version that the machine's package lists name:
 * Debian keeps no others. `used`: relative to the root of the package, such as `usr/sbin/sshd`.
 */
export async function debianProgram(name: string, used: string, say: Say = () => {}): Promise<string> {
  const place = join(cacheDirectory(), `debian-${name}`);
  const install = async (out: string) => {
    await run('apt-get', ['download', '-qq', name], out).catch(async () => {
      // The lists of a machine that was just made may be missing or old.
      await run('apt-get', ['update', '-qq'], out);
      await run('apt-get', ['download', '-qq', name], out);
    });
    const [file] = globSync(`${name}_*.deb`, { cwd: out });
    await run('dpkg-deb', ['-x', join(out, file ?? `${name}.deb`), out], out);
  };
  await installOnce(name, place, install, say);
  return join(place, used);
}

/** A virtual environment with what the folder's requirements.txt pins, by version and hash. It may be moved as long as its scripts are not used. */
export async function installPython(venv: string, folder: string, ...options: string[]): Promise<void> {
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
  'apt-get': "the package by your own system's package manager: apt-get is Debian's",
  'dpkg-deb': 'dpkg (Debian)',
  gpg: 'GnuPG 2 (https://gnupg.org; Debian: apt-get install gnupg)',
  gpgconf: 'GnuPG 2 (https://gnupg.org; Debian: apt-get install gnupg)',
  'ssh-keygen': 'OpenSSH 8.2 or later (https://www.openssh.com; Debian: apt-get install openssh-client)',
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
export function nodeHeaders(): Record<string, string> {
  if (process.env.npm_config_nodedir) return {};
  const prefixes = (process.env.PATH ?? '').split(delimiter).map(folder => dirname(folder));
  const found = prefixes.find(prefix => existsSync(join(prefix, 'include/node/common.gypi')));
  return found === undefined ? {} : { npm_config_nodedir: found };
}

/** Runs an installer. Throws InstallFailed with what it said. */
export async function run(
  command: string,
  args: string[],
  cwd: string,
  more: Record<string, string> = {},
): Promise<void> {
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
    return new InstallFailed(`${command} is not there, which the tests need; install ${needs[command] ?? command}`, {
      cause: error,
    });
  const said = (stderr.trim() || stdout.trim() || message).split('\n').slice(-20).join('\n');
  return new InstallFailed(`\`${command} ${args.join(' ')}\` failed:\n${said}`, { cause: error });
}
