import { randomUUID } from 'node:crypto';
import { keyString, type ObjectKey } from '../api/object.ts';
import type { IndexedObject } from '../ports/index.ts';
import { AwsError } from './aws-error.ts';
import {
  type Action,
  at,
  backOff,
  type Change,
  type DynamoCalls,
  eachOf,
  type Item,
  maxActions,
  textOf,
} from './dynamo-calls.ts';
import { contended } from './dynamo-errors.ts';
import { dueAttributes, linksBefore, linksOf, nameOfLinks, packed, recordAttribute } from './dynamo-record.ts';
import { fits, type ItemKey, keyOfObject, linkAt, objectAt, startedAt } from './dynamo-table.ts';

/** How often a write begins anew because another one of the same object was faster. */
const maxRaces = 12;
/** When many objects are removed. */
const transactionsAtOnce = 8;

/**
 * Writes objects together with their links. What must always hold: a record's links are all in the table before the record
 * is, whoever else writes it at the same time or dies half-way. A link too many is left by a death alone; it wakes an
 * object for nothing, and goes with the object's next record.
 *
 * - The attribute `links` names the set of links that the table holds. A record with the same links is written on the
 *   condition that this is so: one call, and the usual case.
 * - Other links are written in one transaction with the record, on the condition that `links` is as it was read.
 * - More than fit in a transaction are written in steps: `links` becomes a claim of this write's own, `pending` all links
 *   that may be there from now on, and each step holds only while the claim stands. Whoever comes meanwhile, or finds what
 *   a death left, takes it over with a claim or a transaction of its own.
 */
export class DynamoObjects {
  readonly #calls: DynamoCalls;

  constructor(calls: DynamoCalls) {
    this.#calls = calls;
  }

  async put(object: IndexedObject): Promise<void> {
    const { key } = object;
    if (!fits(key)) throw new AwsError('Unexpected', `the object ${keyString(key)} has too long a name to be indexed`);
    const target = { key, at: objectAt(key), links: linksOf(object), object };
    const same = nameOfLinks(target.links);
    for (let races = 0; ; races++) {
      const written = await this.#calls.update(target.at, record(object, same, standing(same)));
      if (written.held || (await this.#exchange(target, written.found))) return;
      await again(races, key);
    }
  }

  /** Removes an object with its links and its mark. */
  async remove(key: ObjectKey): Promise<void> {
    for (let races = 0; ; races++) {
      const found = await this.#calls.get(objectAt(key));
      if (!found) {
        await this.#calls.delete(startedAt(key));
        return;
      }
      if (await this.#exchange({ key, at: objectAt(key), links: [] }, found)) return;
      await again(races, key);
    }
  }

  /** Removes objects that were just read, as many in a transaction as fit. */
  async removeFound(items: Item[]): Promise<void> {
    const found = items.map(item => ({ item, target: { key: keyOfObject(at(item)), at: at(item), links: [] } }));
    const plans = found.map(({ item, target }) => ({ key: target.key, actions: plan(target, item).actions }));
    await eachOf(inTransactions(plans), transactionsAtOnce, async group => {
      const actions = group.flatMap(each => each.actions);
      if (actions.length <= maxActions && (await this.#calls.transact(actions))) return;
      // One has more links than fit, or was written meanwhile.
      for (const { key } of group) await this.remove(key);
    });
  }

  /** Puts the target in the place of what was found; false when somebody else did so meanwhile, and nothing was written. */
  async #exchange(target: Target, found: Item | undefined): Promise<boolean> {
    const planned = plan(target, found);
    const { actions } = planned;
    if (actions.length > maxActions) return this.#inSteps(target, planned);
    const [only, more] = actions;
    // A transaction costs twice as much.
    if (only?.type === 'update' && !more) return (await this.#calls.update(only.at, only)).held;
    return this.#calls.transact(actions);
  }

  async #inSteps(target: Target, steps: Plan): Promise<boolean> {
    const claim = `claim#${randomUUID()}`;
    if (!(await this.#claim(target, claim, steps))) return false;
    const claimed = standing(claim);
    if (!(await this.#each(target.at, claimed, steps.puts))) return false;
    if (target.object) {
      const written = await this.#calls.update(target.at, record(target.object, claim, claimed, 'pending'));
      if (!written.held) return false;
    }
    // The object is as it should be. Whoever takes the claim from here on does so to write something newer, and goes on with this.
    if (!(await this.#each(target.at, claimed, steps.deletes))) return true;
    const [last, ...rest] = end(target, claimed);
    if (rest.length > 0) await this.#calls.transact([last!, ...rest]);
    else await this.#calls.update(target.at, settled(target.links, claimed));
    return true;
  }

  async #claim(target: Target, claim: string, { condition, all }: Plan): Promise<boolean> {
    const gone = target.object ? '' : ' REMOVE #record, #dueAt, #dueShard';
    const claimed = await this.#calls.update(target.at, {
      update: `SET #links = :links, #pending = :pending${gone}`,
      condition: condition.condition,
      values: { ...condition.values, ':links': { S: claim }, ':pending': packed(JSON.stringify(all)) },
    });
    // When its answer was lost and the SDK asked again, it is our own claim that is taken over next.
    return claimed.held;
  }

  /** In as many transactions as it takes, each on the condition; false when that does not hold any more. */
  async #each(owner: ItemKey, condition: Condition, actions: Action[]): Promise<boolean> {
    const size = maxActions - 1;
    for (let i = 0; i < actions.length; i += size)
      if (!(await this.#calls.transact([{ type: 'check', at: owner, ...condition }, ...actions.slice(i, i + size)])))
        return false;
    return true;
  }
}

/** What an object shall be: its record and its links; or, without a record, gone. */
interface Target {
  key: ObjectKey;
  at: ItemKey;
  links: string[];
  object?: IndexedObject;
}

/** What has to be written for a target. */
interface Plan {
  /** All of it, for one transaction. */
  actions: Action[];
  /** That all is as it was found. */
  condition: Condition;
  /** All links that may be there, from the first step to the last. */
  all: string[];
  puts: Action[];
  deletes: Action[];
}

function plan(target: Target, found: Item | undefined): Plan {
  const before = linksBefore(found);
  const had = new Set(before.certain ? before.links : []);
  const wanted = new Set(target.links);
  const action = (type: 'put' | 'delete') => (link: string) => ({ type, at: linkAt(link, target.key) });
  const puts = target.links.filter(link => !had.has(link)).map(action('put'));
  const deletes = before.links.filter(link => !wanted.has(link)).map(action('delete'));
  const condition = standing(found && textOf(found, 'links'));
  const all = [...new Set([...before.links, ...target.links])];
  return { actions: [...end(target, condition), ...puts, ...deletes], condition, all, puts, deletes };
}

/** In order, as many at a time as fit in a transaction; one that does not fit stands alone. */
function inTransactions<P extends { actions: Action[] }>(plans: P[]): P[][] {
  const groups: P[][] = [];
  let room = 0;
  for (const each of plans) {
    if (each.actions.length > room) {
      groups.push([]);
      room = maxActions;
    }
    groups.at(-1)!.push(each);
    room -= each.actions.length;
  }
  return groups;
}

type Condition = Required<Pick<Change, 'condition'>> & Pick<Change, 'values'>;

/** That the item's links are still these; or that there is still no item. */
function standing(links: string | undefined): Condition {
  if (links === undefined) return { condition: 'attribute_not_exists(#pk)' };
  return { condition: '#links = :standing', values: { ':standing': { S: links } } };
}

/** Writes a record, and which links stand. The mark of the last start is an item of its own. */
function record(object: IndexedObject, links: string, { condition, values }: Condition, keep?: 'pending'): Change {
  const due = dueAttributes(object.key, object.dueAt);
  const set = ['#record = :record', '#links = :links', ...(due ? ['#dueAt = :dueAt', '#dueShard = :dueShard'] : [])];
  const remove = [...(keep ? [] : ['#pending']), ...(due ? [] : ['#dueAt', '#dueShard'])];
  return {
    update: `SET ${set.join(', ')}${remove.length > 0 ? ` REMOVE ${remove.join(', ')}` : ''}`,
    condition,
    values: {
      ...values,
      ':record': recordAttribute(object),
      ':links': { S: links },
      ...(due && { ':dueAt': due.dueAt, ':dueShard': due.dueShard }),
    },
  };
}

function settled(links: string[], { condition, values }: Condition): Change {
  const update = 'SET #links = :links REMOVE #pending';
  return { update, condition, values: { ...values, ':links': { S: nameOfLinks(links) } } };
}

/** What is written of the object itself. */
function end(target: Target, condition: Condition): Action[] {
  const { at, key, object, links } = target;
  if (object) return [{ type: 'update', at, ...record(object, nameOfLinks(links), condition) }];
  return [
    { type: 'delete', at, ...condition },
    { type: 'delete', at: startedAt(key) },
  ];
}

async function again(races: number, key: ObjectKey): Promise<void> {
  if (races >= maxRaces) throw contended(new Error('others write the same object'), `index ${keyString(key)}`);
  await backOff(races);
}
