import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Implementation, Opened, Secrets } from './ports.ts';
import { runProcess } from './run-process.ts';

/** The contract of the secrets. */
export function secretsContract(implementation: Implementation<Secrets>): void {
  describe(`secrets: ${implementation.name}`, () => {
    let current: Opened<Secrets>;
    before(async () => {
      current = await implementation.open();
    });
    after(() => current.close());

    test('put, get, replace, delete', async () => {
      const { port, again } = current;
      assert.equal(await port.get('a'), undefined);
      await port.put('a', 'one 🚀\n');
      assert.equal(await (await again()).get('a'), 'one 🚀\n');
      await port.put('a', 'x'.repeat(60_000));
      assert.equal((await port.get('a'))?.length, 60_000);
      await port.delete('a');
      await port.delete('a');
      assert.equal(await port.get('a'), undefined);
    });

    test('of racing creates one wins, and its value stays', async () => {
      const { port, again } = current;
      const other = await again();
      const won = await Promise.all(
        Array.from({ length: 8 }, (_, n) => (n % 2 ? port : other).create('raced', `value ${n}`)),
      );
      assert.equal(won.filter(Boolean).length, 1);
      assert.equal(await port.get('raced'), `value ${won.indexOf(true)}`);
      assert.equal(await port.create('raced', 'later'), false);
      assert.equal(await other.get('raced'), `value ${won.indexOf(true)}`);
    });

    test('names are only names', async () => {
      const { port } = current;
      const names = ['cluster/east', 'cluster', '../up', '..', 'Cluster', 'a b', 'a=20b', 'a%20b', '=', '/', 'ключ 🚀'];
      for (const name of names) await port.put(name, name);
      const other = await current.again();
      for (const name of names) assert.equal(await other.get(name), name);
      for (const name of names) await port.delete(name);
      for (const name of names) assert.equal(await port.get(name), undefined);
    });

    test('what was deleted can be made again, at once', async () => {
      const { port, again } = current;
      for (let i = 0; i < 3; i++) {
        assert.equal(await port.create('again', `created ${i}`), true);
        assert.equal(await port.get('again'), `created ${i}`);
        await port.put('again', `put ${i}`);
        assert.equal(await port.get('again'), `put ${i}`);
        assert.equal(await (await again()).get('again'), `put ${i}`);
        await port.delete('again');
        assert.equal(await port.get('again'), undefined);
      }
    });

    test('racing puts leave one of their values', async () => {
      const { port, again } = current;
      const other = await again();
      const values = Array.from({ length: 8 }, (_, n) => `value ${n}`);
      await Promise.all(values.map((value, n) => (n % 2 ? port : other).put('puts', value)));
      assert.ok(values.includes((await (await again()).get('puts'))!));
    });

    test('of racing creates in several processes one wins each', async () => {
      const count = 20;
      const racers = ['A', 'B', 'C'].map(name => runProcess(current, 'secrets', name, String(count)));
      await Promise.all(racers.map(racer => racer.finished()));
      const won = racers.flatMap(racer => racer.lines);
      assert.deepEqual(
        won.map(line => Number(line.slice(1))).toSorted((x, y) => x - y),
        Array.from({ length: count }, (_, i) => i),
      );
      for (const line of won) assert.equal(await current.port.get(`race/${line.slice(1)}`), line[0]);
    });
  });
}
