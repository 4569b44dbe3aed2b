import { groupOf, type KubeObject } from '../api/object.ts';
import type { Clock } from '../ports/clock.ts';
import type { Cluster } from '../ports/cluster.ts';
import { ApplyError } from './apply-error.ts';
import type { Change } from './change.ts';
import { waitForDefinitions, waitForKinds } from './definitions.ts';
import { compileDriftRules, type DriftRule } from './drift-rules.ts';
import { type InventoryEntry, inventoryEntry } from './inventory.ts';
import { settleAll } from './limiter.ts';
import { kubectlManagers } from './managed-fields.ts';
import { type ObjectRef, refOf } from './object-id.ts';
import { type Item, planSet } from './plan.ts';
import { type Owner, policyOf } from './policy.ts';
import { compareRefs, stages, waveOf } from './stages.ts';
import { canTry, type SetContext, validate } from './validate.ts';
import { write } from './write.ts';

export interface ApplySetOptions {
  /** Field manager, as Flux names it: `kustomize-controller`. */
  manager: string;
  /** Labelled into every object; the group is also that of the annotations that steer single objects. */
  owner: Owner;
  /** Recreate objects whose immutable fields change. */
  force: boolean;
  /** What was applied last. */
  inventory: readonly InventoryEntry[];
  signal: AbortSignal;
  clock: Clock;
  /** `spec.ignore`. */
  ignore?: readonly DriftRule[];
  /** How long definitions and classes may take to come into effect. Default one minute. */
  waitForDefinitionsMs?: number;
  /** `group/Kind` of kinds to be applied before the rest. */
  customStageKinds?: ReadonlySet<string>;
  /** Further field managers whose changes are undone, besides kubectl's. */
  disallowedManagers?: readonly string[];
}

export interface ApplySetResult {
  /** One per object, in the order of stages and kinds. */
  changes: Change[];
  /** What is applied now. */
  inventory: InventoryEntry[];
  /** What was put right on the way: fields that the API server does not know and that were left out. */
  warnings: string[];
}

/** Calls under way at a time for one set; the client has a limit for all sets of a cluster. */
const concurrency = 24;

/**
 * Makes the cluster hold `objects`. Reads what exists, leaves alone what is provably as wanted, validates the rest by
 * dry-run, and only then writes, stage by stage. Nothing is written when validation fails; objects whose namespace or
 * kind the set itself brings are validated when that is there. Throws ApplyError, which says what was written.
 */
export async function applySet(
  cluster: Cluster,
  objects: readonly KubeObject[],
  options: ApplySetOptions,
): Promise<ApplySetResult> {
  const warnings = new Set<string>();
  const context = contextOf(cluster, options, message => warnings.add(message));
  const items = await planSet(context, objects, options);
  const changes: Change[] = [];
  const run = new SetRun(context, options, items, changes);
  try {
    await run.validateAll();
    for (const stage of stages) await run.applyStage(items.filter(item => item.stage === stage));
  } catch (error) {
    if (options.signal.aborted) throw options.signal.reason;
    throw new ApplyError(error instanceof Error ? error.message : String(error), changes, error);
  }
  return { changes, inventory: changes.map(inventoryEntry), warnings: [...warnings] };
}

function contextOf(cluster: Cluster, options: ApplySetOptions, warn: (message: string) => void): SetContext {
  const disallowed = (options.disallowedManagers ?? []).flatMap(prefix => [
    { prefix, operation: 'Apply' as const },
    { prefix, operation: 'Update' as const },
  ]);
  return {
    cluster,
    manager: options.manager,
    policy: policyOf(options.owner.group),
    force: options.force,
    foreign: [...kubectlManagers(options.manager), ...disallowed],
    ignored: compileDriftRules(options.ignore ?? []),
    warn,
  };
}

/** The state of one {@link applySet}. */
class SetRun {
  readonly #context: SetContext;
  readonly #options: ApplySetOptions;
  readonly #items: readonly Item[];
  readonly #changes: Change[];

  constructor(context: SetContext, options: ApplySetOptions, items: readonly Item[], changes: Change[]) {
    this.#context = context;
    this.#options = options;
    this.#items = items;
    this.#changes = changes;
  }

  /** Everything that can be validated before the first write. */
  async validateAll(): Promise<void> {
    const undecided = this.#items.filter(item => !item.decision);
    const [only] = undecided;
    if (only && undecided.length === 1 && !only.unseen && canTry(this.#context, only.desired, only.live)) {
      only.decision = { do: 'try', payload: only.desired, live: only.live };
      return;
    }
    const open = undecided.filter(item => !item.deferred);
    const failures = await this.#validate(open);
    // What an earlier stage may bring (a namespace, a kind, rights) is asked again after that stage.
    const hopeless = failures.filter(failure => !this.#mayBeCured(failure));
    if (hopeless.length > 0) throw firstOf(hopeless);
    for (const { item } of failures) item.deferred = true;
  }

  async applyStage(items: readonly Item[]): Promise<void> {
    if (items.length === 0) return;
    const open = items.filter(item => !item.decision);
    if (open.length > 0) {
      await waitForKinds(
        this.#context.cluster,
        open.map(item => refOf(item.desired)).filter(ref => this.#brings(ref)),
        this.#waiting(),
      );
      const failures = await this.#validate(open);
      if (failures.length > 0) throw firstOf(failures);
    }
    for (const item of items) if (item.decision?.do === 'nothing') this.#record(item, item.decision.action);
    const written: ObjectRef[] = [];
    for (const wave of [0, 1, 2])
      written.push(...(await this.#writeWave(items.filter(item => waveOf(refOf(item.desired)) === wave))));
    const stage = items[0]!.stage;
    if (written.length === 0 || (stage !== 'definitions' && stage !== 'classes')) return;
    if (written.some(ref => ref.kind === 'CustomResourceDefinition')) this.#context.cluster.refreshDiscovery();
    await waitForDefinitions(this.#context.cluster, written, this.#waiting());
  }

  async #writeWave(items: readonly Item[]): Promise<ObjectRef[]> {
    const todo = items.filter(item => item.decision && item.decision.do !== 'nothing');
    this.#options.signal.throwIfAborted();
    const results = await settleAll(todo, concurrency, item =>
      write(this.#context, item.desired, item.decision!, this.#waiting()),
    );
    const failures: Failure[] = [];
    for (const [i, result] of results.entries()) {
      const item = todo[i]!;
      if (result.status === 'fulfilled') this.#record(item, result.value);
      else failures.push({ item, error: result.reason });
    }
    if (failures.length > 0) throw firstOf(failures);
    return todo.map(item => refOf(item.desired));
  }

  async #validate(items: readonly Item[]): Promise<Failure[]> {
    this.#options.signal.throwIfAborted();
    const results = await settleAll(items, concurrency, item => validate(this.#context, item.desired, item.live));
    const failures: Failure[] = [];
    for (const [i, result] of results.entries()) {
      if (result.status === 'fulfilled') items[i]!.decision = result.value;
      else failures.push({ item: items[i]!, error: result.reason });
    }
    return failures;
  }

  /** Whether the kind comes with the set: its definition was written just now. */
  #brings({ apiVersion, kind }: ObjectRef): boolean {
    return this.#items.some(
      ({ desired, decision }) =>
        desired.kind === 'CustomResourceDefinition' &&
        decision?.do !== 'nothing' &&
        desired.spec?.group === groupOf(apiVersion) &&
        desired.spec?.names?.kind === kind,
    );
  }

  #mayBeCured({ item, error }: Failure): boolean {
    const status = ((error as Error).cause as { status?: number } | undefined)?.status;
    if (status !== 403 && status !== 404) return false;
    const stage = stages.indexOf(item.stage);
    return this.#items.some(other => stages.indexOf(other.stage) < stage && other.decision?.do !== 'nothing');
  }

  #record(item: Item, action: Change['action']): void {
    this.#changes.push({ ...refOf(item.desired), action });
  }

  #waiting() {
    const { signal, clock, waitForDefinitionsMs } = this.#options;
    return { signal, clock, timeoutMs: waitForDefinitionsMs ?? 60_000 };
  }
}

interface Failure {
  item: Item;
  error: unknown;
}

/** At most this many refusals are reported together. */
const maxReported = 10;

/** One error for all failures, in the order of kinds. */
function firstOf(failures: readonly Failure[]): Error {
  const sorted = [...failures].sort((a, b) => compareRefs(refOf(a.item.desired), refOf(b.item.desired)));
  const first = sorted[0]!.error as Error;
  if (sorted.length === 1) return first;
  const messages = sorted.slice(0, maxReported).map(({ error }) => (error as Error).message);
  if (sorted.length > maxReported) messages.push(`and ${sorted.length - maxReported} more`);
  return new Error(messages.join('\n'), { cause: first });
}
