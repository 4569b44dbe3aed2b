import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Io } from './command.ts';
import { placeOf, placeOptions, readPlaceArgs } from './place.ts';

const place = (args: string[], env: Io['env'] = {}) => {
  const io: Io = { out: () => {}, err: () => {}, env, cwd: '/' };
  return placeOf(io, readPlaceArgs(args, { yes: { type: 'boolean' }, ...placeOptions }, 1).values);
};
const aws = (name: string, region?: string) => ({ on: 'aws', name, region });
const here = (dir?: string) => ({ on: 'machine', dir });

describe('where the installation is', () => {
  const table: [string, string[], Io['env'], object][] = [
    ['nothing is said', [], {}, here()],
    ['a directory', ['--dir', 'x'], {}, here('x')],
    ['a directory by the environment', [], { SLUICE_DIR: 'y' }, here('y')],
    ['the last option', ['--aws'], {}, aws('sluice')],
    ['before another option', ['--aws', '--yes'], {}, aws('sluice')],
    ['a name', ['--aws', 'gitops', '--yes'], {}, aws('gitops')],
    ['a name after =', ['--aws=gitops'], {}, aws('gitops')],
    ['a name and a region', ['--aws', 'gitops@eu-west-1'], {}, aws('gitops', 'eu-west-1')],
    ['a region alone', ['--aws', '@us-gov-west-1'], {}, aws('sluice', 'us-gov-west-1')],
    ['an argument before it', ['prod', '--aws'], {}, aws('sluice')],
    ['the environment', [], { SLUICE_AWS: 'gitops@eu-west-1' }, aws('gitops', 'eu-west-1')],
    ['the name of the environment', ['--aws'], { SLUICE_AWS: 'gitops' }, aws('gitops')],
    ['the option before the environment', ['--aws', 'other'], { SLUICE_AWS: 'gitops', SLUICE_DIR: 'x' }, aws('other')],
    ['a directory before the environment', ['--dir', 'x'], { SLUICE_AWS: 'gitops' }, here('x')],
    ['an empty variable', [], { SLUICE_AWS: '', SLUICE_DIR: 'x' }, here('x')],
  ];
  for (const [title, args, env, expected] of table)
    it(`is found: ${title}`, () => assert.deepEqual(place(args, env), expected));

  const wrong: [string, string[], Io['env'], RegExp][] = [
    ['two places', ['--aws', 'a', '--dir', 'b'], {}, /--aws and --dir name two installations/],
    ['two variables', [], { SLUICE_AWS: 'a', SLUICE_DIR: 'b' }, /SLUICE_AWS and SLUICE_DIR .* unset one, or choose/],
    ['a name that no stack has', ['--aws', 'my_stack'], {}, /^--aws is "my_stack"; it has to be the name/],
    ['such a variable', [], { SLUICE_AWS: 'a/b' }, /^SLUICE_AWS is "a\/b"/],
    ['two regions', ['--aws', 'a@eu-west-1@eu-west-2'], {}, /--aws is "a@eu-west-1@eu-west-2"/],
    ['a region that is none', ['--aws', 'a@eu-west-1.evil.example'], {}, /"eu-west-1.evil.example" is no AWS region/],
    ['an empty region', ['--aws', 'a@'], {}, /"" is no AWS region/],
  ];
  for (const [title, args, env, message] of wrong)
    it(`is refused: ${title}`, () => assert.throws(() => place(args, env), { code: 'Usage', message }));
});

describe('a command on an installation on this machine', () => {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-place-'));
  after(() => rmSync(dir, { recursive: true, force: true }));
  // Tells, when the process ends, whether anything of the SDK was loaded.
  const watcher = `data:text/javascript,${encodeURIComponent(`
    import { registerHooks } from 'node:module';
    let found = '';
    registerHooks({ load(url, context, next) { if (/@aws-sdk|@smithy/.test(url)) found ||= url; return next(url, context); } });
    process.on('exit', () => process.stderr.write('SDK: ' + (found || 'none') + '\\n'));
  `)}`;
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const loaded = (...args: string[]) => {
    const env = {
      PATH: process.env.PATH,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_REGION: 'eu-west-1',
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    };
    const options = { encoding: 'utf8', cwd: dir, env } as const;
    const run = spawnSync(process.execPath, ['--import', watcher, main, ...args], options);
    return /SDK: (.*)/.exec(run.stderr)?.[1];
  };
  for (const command of [
    'status',
    'check',
    'resync',
    'logs',
    'cluster list',
    'cluster add a --kubeconfig b',
    'install',
  ])
    it(`does not load the AWS SDK: ${command}`, () =>
      assert.equal(loaded(...command.split(' '), '--dir', 'nowhere'), 'none'));

  it('which one on AWS does', () => assert.match(loaded('status', '--aws') ?? '', /@aws-sdk/));
});
