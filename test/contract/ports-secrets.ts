import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Implementation, Opened, Secrets } from './ports.ts';

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
      for (const name of ['cluster/east', 'cluster', '../up', '..']) await port.put(name, name);
      for (const name of ['cluster/east', 'cluster', '../up', '..']) assert.equal(await port.get(name), name);
    });
  });
}
