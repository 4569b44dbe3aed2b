/** Git over SSH against OpenSSH and Git's own upload-pack. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { connectRemote, type RemoteOptions, type SshAuth } from '../../shared/git/remote.ts';
import { fingerprint } from '../../shared/git/ssh-known-hosts.ts';
import { makeRepositories, remoteContract, withRemote } from '../fixtures/git-remote.ts';
import {
  type KeyOptions,
  type KeyPair,
  makeKey,
  type SshServer,
  sshKeygen,
  startOpenSsh,
} from '../programs/openssh.ts';

const root = await mkdtemp(join(tmpdir(), 'sluice-ssh-'));
let server: SshServer;
let oldServer: SshServer;
let key: KeyPair;
let dir: string;
let commits: Record<string, string>;

before(async () => {
  ({ dir, commits } = await makeRepositories(root));
  server = await startOpenSsh(join(root, 'new'), { hostKeys: ['ed25519', 'ecdsa', 'rsa'] }, console.error);
  oldServer = await startOpenSsh(join(root, 'old'), { protocol2: false });
  key = await makeKey(root, 'id');
  for (const each of [server, oldServer]) await each.authorize(key.publicKey);
});

after(async () => {
  await server.stop();
  await oldServer.stop();
  await rm(root, { recursive: true, force: true });
});

const auth = (on: SshServer, more: Partial<SshAuth> = {}) => ({
  ssh: { identity: key.privateKey, knownHosts: on.knownHosts, ...more },
});

remoteContract('SSH, protocol 2', () => ({ url: server.url + root, dir, commits, options: { auth: auth(server) } }));
remoteContract('SSH, protocol 0', () => ({
  url: oldServer.url + root,
  dir,
  commits,
  options: { auth: auth(oldServer) },
}));

/** Resolves and fetches the branch main. Returns its revision. */
async function fetchMain(url: string, options: Partial<RemoteOptions>): Promise<string> {
  return withRemote(
    url,
    async remote => {
      const { oid, refName, revision } = await remote.resolve({ branch: 'main' });
      await (await remote.fetchCommit(oid, refName)).dispose();
      return revision;
    },
    options,
  );
}

const app = (on: SshServer) => `${on.url}${root}/app.git`;
const fetched = () => `main@sha1:${commits.tip}`;

describe('one connection', () => {
  test('and one upload-pack lists the references and gives the commit', async () => {
    for (const [on, protocol] of [
      [server, 'version=2'],
      [oldServer, ''],
    ] as const) {
      const earlier = (await on.commands()).length;
      const signIns = (await on.log()).split('Accepted publickey').length;
      assert.equal(await fetchMain(app(on), { auth: auth(on) }), fetched());
      assert.deepEqual((await on.commands()).slice(earlier), [`${protocol} git-upload-pack '${root}/app.git'`]);
      assert.equal((await on.log()).split('Accepted publickey').length, signIns + 1);
    }
  });

  test('serves what follows an answer that was given up', async () => {
    const earlier = (await server.commands()).length;
    // Whether a commit is in a branch is known before the pack, which is not waited for.
    await withRemote(
      app(server),
      async remote => (await remote.fetchCommit(commits.first!, 'refs/heads/main')).dispose(),
      {
        auth: auth(server),
      },
    );
    assert.equal((await server.commands()).length, earlier + 2);
  });

  test('takes paths with quotes, blanks and dollar signs as they are', async () => {
    const name = `a 'b' $(c) "d"!.git`;
    execFileSync('cp', ['-r', dir, join(root, name)]);
    const path = `${root}/${name}`.split('/').map(encodeURIComponent).join('/');
    assert.equal(await fetchMain(`${server.url}${path}`, { auth: auth(server) }), fetched());
  });
});

describe('a key', () => {
  const good: [string, KeyOptions][] = [
    ['ed25519', {}],
    ['ed25519 with a passphrase', { passphrase: 'with ünïcode' }],
    ['ecdsa P-256', { type: 'ecdsa', bits: 256 }],
    ['ecdsa P-384', { type: 'ecdsa', bits: 384 }],
    ['ecdsa P-521', { type: 'ecdsa', bits: 521 }],
    ['ecdsa with a passphrase', { type: 'ecdsa', passphrase: 'secret' }],
    ['ecdsa in SEC1', { type: 'ecdsa', format: 'PEM' }],
    ['ecdsa in PKCS#8', { type: 'ecdsa', format: 'PKCS8' }],
    ['rsa', { type: 'rsa' }],
    ['rsa with a passphrase', { type: 'rsa', passphrase: 'secret' }],
    ['rsa in PKCS#1', { type: 'rsa', format: 'PEM' }],
    ['rsa in PKCS#1 with a passphrase', { type: 'rsa', format: 'PEM', passphrase: 'secret' }],
    ['rsa in PKCS#8', { type: 'rsa', format: 'PKCS8' }],
    ['rsa in PKCS#8 with a passphrase', { type: 'rsa', format: 'PKCS8', passphrase: 'secret' }],
  ];
  for (const [name, options] of good)
    test(`of type ${name} signs in`, async () => {
      const { privateKey, publicKey } = await makeKey(root, name.replaceAll(/\W/g, '-'), options);
      await server.authorize(publicKey);
      const ssh = { identity: privateKey, passphrase: options.passphrase, knownHosts: server.knownHosts };
      assert.equal(await fetchMain(app(server), { auth: { ssh } }), fetched());
    });

  test('of type ed25519 in PKCS#8 signs in', async () => {
    const file = join(root, 'pkcs8');
    execFileSync('openssl', ['genpkey', '-algorithm', 'ed25519', '-out', file]);
    const pem = execFileSync('cat', [file]).toString();
    const { createPublicKey } = await import('node:crypto');
    const x = createPublicKey(pem).export({ format: 'jwk' }).x!;
    const wire = Buffer.concat([
      Buffer.from([0, 0, 0, 11]),
      Buffer.from('ssh-ed25519'),
      Buffer.from([0, 0, 0, 32]),
      Buffer.from(x, 'base64url'),
    ]);
    await server.authorize(`ssh-ed25519 ${wire.toString('base64')}`);
    assert.equal(await fetchMain(app(server), { auth: auth(server, { identity: pem }) }), fetched());
  });

  test('is read with other line ends, and without the last one', async () => {
    for (const identity of [key.privateKey.replaceAll('\n', '\r\n'), key.privateKey.trim()])
      assert.equal(await fetchMain(app(server), { auth: auth(server, { identity }) }), fetched());
  });

  test('that cannot be used says why, and never itself', async () => {
    const encrypted = await makeKey(root, 'encrypted', { passphrase: 'right' });
    const pem = await makeKey(root, 'encrypted-pem', { type: 'rsa', format: 'PEM', passphrase: 'right' });
    const cut = key.privateKey.split('\n');
    const cases: [string, Partial<SshAuth>, RegExp][] = [
      [
        'without its passphrase',
        { identity: encrypted.privateKey },
        /it is encrypted: give its passphrase as 'password'/,
      ],
      ['PEM without its passphrase', { identity: pem.privateKey }, /it is encrypted/],
      ['with another passphrase', { identity: encrypted.privateKey, passphrase: 'wrong' }, /not its passphrase/],
      ['PEM with another passphrase', { identity: pem.privateKey, passphrase: 'wrong' }, /not its passphrase/],
      ['cut short', { identity: [...cut.slice(0, 3), ...cut.slice(-2)].join('\n') }, /damaged/],
      ['the public one', { identity: key.publicKey }, /it is a public key/],
      ['no key', { identity: 'hunter2' }, /not a private key/],
      ['PEM of nonsense', { identity: '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----' }, /damaged/],
    ];
    for (const [name, more, message] of cases) {
      const { identity } = { identity: key.privateKey, ...more };
      await assert.rejects(fetchMain(app(server), { auth: auth(server, more) }), (error: Error & { code: string }) => {
        assert.equal(error.code, 'InvalidIdentity', name);
        assert.match(error.message, message, name);
        assert.ok(!error.message.includes(identity.slice(0, 7)) || name === 'the public one', name);
        return true;
      });
    }
  });

  test('that the server does not know, or that has expired there, is named with its user', async () => {
    const stranger = await makeKey(root, 'stranger');
    const expired = await makeKey(root, 'expired');
    await server.authorize(expired.publicKey, 'expiry-time="20200101"');
    for (const { privateKey, publicKey } of [stranger, expired])
      await assert.rejects(fetchMain(app(server), { auth: auth(server, { identity: privateKey }) }), {
        code: 'AuthenticationFailed',
        message: new RegExp(`let git in with the key ssh-ed25519 ${escaped(shown(publicKey))}.*expired`),
      });
    await assert.rejects(fetchMain(app(server).replace('git@', 'nobody@'), { auth: auth(server) }), {
      code: 'AuthenticationFailed',
      message: /let nobody in/,
    });
  });

  test('signs in as git when the address names no user', async () => {
    assert.equal(await fetchMain(app(server).replace('git@', ''), { auth: auth(server) }), fetched());
  });
});

const shown = (publicKey: string) => fingerprint(Buffer.from(publicKey.split(' ')[1]!, 'base64'));
const escaped = (text: string) => text.replaceAll(/[+/.[\]]/g, '\\$&');

describe('a host key', () => {
  const lines = () => server.knownHosts.trim().split('\n');

  test('is taken of whichever type is known', async () => {
    for (const line of lines())
      assert.equal(await fetchMain(app(server), { auth: auth(server, { knownHosts: line }) }), fetched(), line);
  });

  test('is found under a hash, and under a pattern', async () => {
    const file = join(root, 'hashed');
    await writeFile(file, server.knownHosts);
    execFileSync(await sshKeygen(), ['-q', '-H', '-f', file], { stdio: 'ignore' });
    const knownHosts = execFileSync('cat', [file]).toString();
    assert.match(knownHosts, /^\|1\|/);
    assert.equal(await fetchMain(app(server), { auth: auth(server, { knownHosts }) }), fetched());
    const pattern = lines()[0]!.replace('127.0.0.1', '127.0.*');
    assert.equal(await fetchMain(app(server), { auth: auth(server, { knownHosts: pattern }) }), fetched());
  });

  test('that is unknown, changed, revoked or vouched for is refused, with its type and fingerprint', async () => {
    const [line = ''] = lines();
    const [host = '', , own = ''] = line.split(' ');
    const other = (await makeKey(root, 'other-host')).publicKey;
    const rsa = (await makeKey(root, 'other-rsa', { type: 'rsa' })).publicKey;
    const named = `ssh-ed25519 ${shown(line.slice(host.length + 1))}`;
    const cases: [string, string, RegExp][] = [
      ['unknown', `example.com ${other}`, /is unknown: add it to 'known_hosts'/],
      ['of another port', `127.0.0.1 ssh-ed25519 ${own}`, /is unknown/],
      ['changed', `${host} ${other}`, /is not the one in 'known_hosts' \(which has ssh-ed25519\)/],
      ['revoked', `@revoked * ssh-ed25519 ${own}\n${line}`, /is marked @revoked/],
      ['vouched for', `@cert-authority ${host} ${other}`, /@cert-authority.*not supported/],
      ['excluded', `!${host},${host} ssh-ed25519 ${own}`, /is unknown/],
    ];
    for (const [name, knownHosts, message] of cases) {
      const signIns = (await server.log()).split('publickey').length;
      const error = await fetchMain(app(server), { auth: auth(server, { knownHosts }) }).catch(error => error);
      assert.equal(error.code, 'HostKeyRefused', `${name}: ${error.message}`);
      assert.match(error.message, message, name);
      assert.ok(error.message.includes(named) && error.message.includes(host), `${name}: ${error.message}`);
      assert.equal(
        (await server.log()).split('publickey').length,
        signIns,
        'nobody signs in at a server that is not known',
      );
    }
    // A type that the server has, with another key: it is that key which is named.
    const error = await fetchMain(app(server), { auth: auth(server, { knownHosts: `${host} ${rsa}` }) }).catch(e => e);
    assert.match(error.message, /\(ssh-rsa SHA256:\S+\) is not the one/);
  });

  test('list that cannot be read names the line', async () => {
    const cases: [string, RegExp][] = [
      ['\n# nothing\n', /names no host/],
      ['example.com ssh-ed25519', /line 1 of 'known_hosts'.*must hold/],
      [
        `# c\nexample.com ssh-rsa ${key.publicKey.split(' ')[1]}`,
        /line 2 of 'known_hosts'.*not the base64 of a key of the type/,
      ],
      [`@trusted a ${key.publicKey}`, /neither @revoked nor @cert-authority/],
      [`|2|a|b ${key.publicKey}`, /\|1\|salt\|hash/],
    ];
    for (const [knownHosts, message] of cases)
      await assert.rejects(fetchMain(app(server), { auth: auth(server, { knownHosts }) }), {
        code: 'InvalidIdentity',
        message,
      });
  });
});

describe('a server', () => {
  const raw: Server[] = [];
  const sockets = new Set<Socket>();
  after(() => {
    for (const socket of sockets) socket.destroy();
    for (const each of raw) each.close();
  });
  async function rawServer(greet: (socket: Socket) => void): Promise<string> {
    const made = createServer(socket => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      greet(socket);
    });
    raw.push(made);
    await new Promise<void>(resolve => made.listen(0, '127.0.0.1', resolve));
    return `ssh://git@127.0.0.1:${(made.address() as { port: number }).port}/a.git`;
  }

  test('that is not one of SSH, or hangs up, is told', async () => {
    const web = await rawServer(socket => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await assert.rejects(fetchMain(web, { auth: auth(server) }), { name: 'GitError', message: /SSH|closed/ });
    const mute = await rawServer(socket => socket.end());
    await assert.rejects(fetchMain(mute, { auth: auth(server) }), {
      code: 'Unreachable',
      message: /closed|cannot reach/,
    });
    const gone = await startOpenSsh(join(root, 'gone'));
    await gone.stop();
    await assert.rejects(fetchMain(app(gone), { auth: auth(gone) }), { code: 'Unreachable', message: /ECONNREFUSED/ });
  });

  test('that says nothing is left when the time is over, or the caller has enough', async () => {
    const silent = await rawServer(() => undefined);
    await assert.rejects(fetchMain(silent, { auth: auth(server), timeoutMs: 100 }), {
      code: 'Timeout',
      message: /0\.1s/,
    });
    const controller = new AbortController();
    const canceled = fetchMain(silent, { auth: auth(server), signal: controller.signal });
    controller.abort();
    await assert.rejects(canceled, { code: 'Canceled' });
  });

  test('whose command stalls is left, too', async () => {
    const stalling = await startOpenSsh(join(root, 'stalling'));
    try {
      await stalling.authorize(key.publicKey);
      await writeFile(join(root, 'stalling/shell'), '#!/bin/sh\nexec sleep 30\n');
      await assert.rejects(fetchMain(app(stalling), { auth: auth(stalling), timeoutMs: 1500 }), { code: 'Timeout' });
    } finally {
      await stalling.stop();
    }
  });

  test('that dies in the middle of an answer is told', async () => {
    const dying = await startOpenSsh(join(root, 'dying'));
    try {
      await dying.authorize(key.publicKey);
      const cases: [string, string, RegExp][] = [
        ['exit 3', 'ServerError', /exit code 3/],
        ['echo no such thing >&2; exit 1', 'ServerError', /exit code 1 \(“no such thing”\)/],
        ['printf 0abc; exit 0', 'ServerError', /ended with exit code 0/],
        ['echo Welcome to this machine', 'NotGit', /not in Git's protocol/],
        ['echo "ERROR: Repository not found." >&2; exit 1', 'RepositoryNotFound', /there is no repository/],
        ['kill -9 $PPID', 'ServerError', /was ended by SIGKILL/],
      ];
      for (const [script, code, message] of cases) {
        await writeFile(join(root, 'dying/shell'), `#!/bin/sh\n${script}\n`);
        await assert.rejects(fetchMain(app(dying), { auth: auth(dying) }), { code, message }, script);
      }
    } finally {
      await dying.stop();
    }
  });

  test('whose connection breaks is told, wherever it breaks', async () => {
    let allowed = 0;
    const relay = await rawServer(socket => {
      const onward = connect(server.port, '127.0.0.1');
      sockets.add(onward);
      onward.on('error', () => undefined);
      socket.pipe(onward);
      let passed = 0;
      onward.on('data', chunk => {
        passed += chunk.length;
        if (passed < allowed) socket.write(chunk);
        else socket.destroy();
      });
    });
    const { port } = new URL(relay);
    const knownHosts = server.knownHosts.replaceAll(String(server.port), port);
    const url = `ssh://git@127.0.0.1:${port}${root}/app.git`;
    for (allowed of [20, 500, 1200, 1800, 2200, 2600])
      await assert.rejects(
        fetchMain(url, { auth: auth(server, { knownHosts }) }),
        { code: 'Unreachable' },
        `${allowed}`,
      );
    allowed = 1e9;
    assert.equal(await fetchMain(url, { auth: auth(server, { knownHosts }) }), fetched());
  });

  test('at a refused address is not connected to, by whatever name', async () => {
    const rules = { refuseLoopback: true };
    for (const url of [app(server), app(server).replace('127.0.0.1', 'localhost'), 'ssh://git@169.254.169.254/a'])
      await assert.rejects(fetchMain(url, { auth: auth(server), rules }), {
        code: 'AddressRefused',
        message: /spec\.url/,
      });
  });

  test('is shown without the credentials of its address', async () => {
    const remote = connectRemote('ssh://git:hunter2@127.0.0.1:1/a.git', { timeoutMs: 5000, auth: auth(server) });
    assert.equal(remote.url, 'ssh://127.0.0.1:1/a.git');
    await assert.rejects(remote.listRefs(), error => !String(error).includes('hunter2'));
    await remote.close();
  });
});
