import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { ignoreMatcher } from './ignore.ts';

/** Whether a rule takes a path out; a path that ends with a slash is a directory. */
function ignores(specIgnore: string, file: string): boolean {
  const matcher = ignoreMatcher({ specIgnore, sourceignore: [], defaults: false });
  return matcher(file.replace(/\/$/, ''), file.endsWith('/'));
}

const patterns = [
  ...['a', 'a/', '/a', '/a/', 'a/b', '/a/b', 'a/b/', '*', '/*', '*.txt', '/*.txt', 'a*', '*b*', '?', '??', 'a?c'],
  ...[
    '**',
    '**/',
    '/**',
    '**/a',
    'a/**',
    '/a/**',
    'a/**/c',
    'a/**/b/c',
    '**/b/c',
    '**/*.txt',
    'a**c',
    'a/**b',
    '**/**/c',
    'a/*/c',
    'a/*',
  ],
  ...[
    '[ab]',
    '[a-c]',
    '[!a]',
    '[^a]',
    '[]a]',
    '[!]a]',
    '[a-]',
    '[-a]',
    '[[:alpha:]]',
    '[[:digit:]]x',
    '[[:bad:]]',
    '[',
    'a[',
    '[a',
    '[\\]]',
    '[a\\-c]',
    '[c-a]',
  ],
  ...[
    '\\a',
    '\\*',
    '\\?',
    'a\\',
    '\\!a',
    '\\#a',
    '#a',
    ' a',
    'a ',
    'a\\ ',
    'a\\  ',
    'a b',
    'a\t',
    '',
    '   ',
    '/',
    '//',
    '!a',
    'a//',
    'a//b',
    './a',
    'a/.',
    '.*',
    '.x',
  ],
  ...['A', 'deploy/**/*.md', '*/', '*/*', '/*/*', '**/a/**', 'c/**/a', 'x', 'abc/abc', '*c', 'a/b/c', '**/b'],
];
const files = [
  ...[
    'a',
    'b',
    'c',
    'ab',
    'abc',
    'axc',
    'a.txt',
    '.x',
    '*',
    '?',
    '!a',
    '#a',
    ' a',
    'a ',
    'a b',
    'a\t',
    '[',
    ']',
    '-',
    '[a',
    '1x',
    'A',
    '\\',
  ],
  ...[
    'a/b',
    'a/c',
    'a/b/c',
    'a/x/c',
    'a/x/y/c',
    'a/x/b/c',
    'x/a',
    'x/b/c',
    'x/b/y/b/c',
    'b/a',
    'b/a.txt',
    'x/y/a.txt',
    'abc/abc',
    'c/x/a',
  ],
  ...['deploy/a.md', 'deploy/x/a.md', 'deploy/x/y/a.md', 'ab/c', 'a/xb', 'a/.x', '.x/a'],
];

/** The paths that `git check-ignore` finds ignored by one pattern, in a repository at `dir`. */
function gitIgnored(dir: string, pattern: string): Set<string> {
  writeFileSync(path.join(dir, '.gitignore'), `${pattern}\n`);
  const asked = spawnSync('git', ['-C', dir, 'check-ignore', '--no-index', '-z', '--stdin'], {
    input: `${files.join('\0')}\0`,
  });
  return new Set(asked.stdout.toString().split('\0').filter(Boolean));
}

test('single patterns mean what they mean to git', () => {
  const root = mkdtempSync(path.join(tmpdir(), 'sluice-ignore-test-'));
  try {
    // git looks whether a path is a directory; one that does not exist is taken for a file.
    for (const isDir of [false, true]) {
      const dir = path.join(root, String(isDir));
      execFileSync('git', ['init', '--quiet', dir]);
      if (isDir) for (const file of files) mkdirSync(path.join(dir, file), { recursive: true });
      for (const pattern of patterns) {
        const ignored = gitIgnored(dir, pattern);
        for (const file of files)
          assert.equal(
            ignores(pattern, isDir ? `${file}/` : file),
            ignored.has(file),
            `${JSON.stringify(pattern)} on ${file}`,
          );
      }
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

test('rules are weighed as Flux weighs them: what is under an ignored directory can come back', () => {
  const cases: [rules: string, file: string, ignored: boolean][] = [
    ['/*\n!/deploy\n/deploy/**/*.md', 'deploy/app.yaml', false],
    ['/*\n!/deploy\n/deploy/**/*.md', 'deploy/x/README.md', true],
    ['/*\n!/deploy\n/deploy/**/*.md', 'README.md', true],
    ['/*\n!/clusters/prod', 'clusters/prod/app.yaml', false],
    ['/*\n!/clusters/prod', 'clusters/test/app.yaml', true],
    ['/*\n!/clusters/prod/\n', 'clusters/prod/a/b.yaml', false],
    ['*.yaml\n!/keep/*.yaml', 'keep/a.yaml', false],
    ['*.yaml\n!/keep/*.yaml', 'other/keep/a.yaml', true],
    ['!a\na', 'a', true],
    ['a\r\nb\r\n', 'b', true],
    ['\ufeffa', 'a', true],
    ['?.yaml', 'ü.yaml', true],
  ];
  for (const [rules, file, ignored] of cases)
    assert.equal(ignores(rules, file), ignored, `${JSON.stringify(rules)} on ${file}`);
});

test('defaults hold until there is a rule; those for Git itself hold always', () => {
  const decide = (file: string, own: { specIgnore?: string; root?: string } = {}, defaults = true) =>
    ignoreMatcher({
      specIgnore: own.specIgnore,
      sourceignore: own.root === undefined ? [] : [{ dir: '', text: own.root }],
      defaults,
    })(file, false);
  const unwanted = [
    'a.jpg',
    'x/b.tar.gz',
    '.github/workflows/ci.yaml',
    'x/.sops.yaml',
    '.flux.yaml',
    'cloudbuild.yaml',
    'x/y.zip',
    '.goreleaser.yml',
  ];
  const git = ['.gitignore', 'x/.gitmodules', '.gitattributes', '.git/config'];
  const wanted = ['a.yaml', '.sourceignore', 'git', 'jpg', '.githubx', 'x/tar.gz'];
  for (const file of [...unwanted, ...git]) assert.equal(decide(file), true, file);
  for (const file of wanted) assert.equal(decide(file), false, file);
  for (const own of [{ specIgnore: 'nothing' }, { root: 'nothing' }]) {
    for (const file of git) assert.equal(decide(file, own), true, file);
    for (const file of unwanted) assert.equal(decide(file, own), false, file);
  }
  for (const own of [{ specIgnore: '' }, { specIgnore: '# only words\n\n' }, { root: '   \n' }])
    for (const file of unwanted) assert.equal(decide(file, own), true, `${file} ${JSON.stringify(own)}`);
  assert.equal(decide('.gitignore', { specIgnore: '!.gitignore' }), false, 'and can be overruled');
  assert.equal(decide('a.jpg', {}, false), false);
});

test('files nearer to a path, and spec.ignore at last, have the last word', () => {
  const sourceignore = [
    { dir: 'deploy', text: '!*.md\n/secret' },
    { dir: '', text: '*.md\n/only-root' },
    { dir: 'deploy/x', text: '*.yaml' },
  ];
  const without = ignoreMatcher({ sourceignore, defaults: true });
  assert.equal(without('README.md', false), true);
  assert.equal(without('deploy/README.md', false), false);
  assert.equal(without('deploy/secret/a', false), true);
  assert.equal(without('secret', false), false);
  assert.equal(without('deploy/x/a.yaml', false), true);
  assert.equal(without('deploy/xx/a.yaml', false), false);
  assert.equal(without('deploy/only-root', false), false);
  const spec = ignoreMatcher({ sourceignore, specIgnore: '!README.md\ndeploy/xx', defaults: true });
  assert.equal(spec('README.md', false), false);
  assert.equal(spec('deploy/xx/a.yaml', false), true);
});

test('patterns of a hostile repository take no time', () => {
  const rule = `${'*a'.repeat(200)}b\n${'**/a/'.repeat(200)}b`;
  const matcher = ignoreMatcher({ specIgnore: rule, sourceignore: [], defaults: true });
  assert.equal(matcher('a'.repeat(250), false), false);
  assert.equal(matcher('a/'.repeat(250).slice(0, -1), false), false);
});
