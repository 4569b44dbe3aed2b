import { setTimeout as delay } from 'node:timers/promises';
import {
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  PutSecretValueCommand,
  RestoreSecretCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import type { Clock } from '../ports/clock.ts';
import type { Secrets } from '../ports/secrets.ts';
import { AwsError, awsError } from './aws-error.ts';
import { sdkSettings } from './sdk-settings.ts';
import { checkSecret, secretId } from './secrets-manager-names.ts';

export interface SecretsManagerOptions {
  /** Heads the names of all secrets, e.g. `sluice/main/`; only what Secrets Manager takes. */
  prefix: string;
  clock: Clock;
  /** How long a secret that was read is given again without asking, for a change elsewhere to be seen. Default: 60. */
  cacheSeconds?: number;
  /** Otherwise as the SDK finds it: AWS_REGION and others. */
  region?: string;
  endpoint?: string;
}

/** Secrets kept in memory; beyond, the oldest are asked for again. */
const maxCached = 1000;
/** Tries of a write while the name is being deleted, restored or written by others: about twenty seconds. */
const tries = 9;

/** Credentials in Secrets Manager. Needs secretsmanager:{Get,Put}SecretValue and {Create,Describe,Restore,Delete}Secret on the prefix. */
export class SecretsManager implements Secrets {
  readonly #prefix: string;
  readonly #clock: Clock;
  readonly #cacheMs: number;
  readonly #client: SecretsManagerClient;
  readonly #cached = new Map<string, { value: string; until: number }>();
  readonly #asked = new Map<string, Promise<string | undefined>>();

  constructor(options: SecretsManagerOptions) {
    this.#prefix = options.prefix;
    this.#clock = options.clock;
    this.#cacheMs = (options.cacheSeconds ?? 60) * 1000;
    this.#client = new SecretsManagerClient({
      ...sdkSettings,
      ...(options.region && { region: options.region }),
      ...(options.endpoint && { endpoint: options.endpoint }),
    });
  }

  async get(name: string): Promise<string | undefined> {
    const id = secretId(this.#prefix, name);
    const cached = this.#cached.get(id);
    if (cached && this.#clock.now() < cached.until) return cached.value;
    const before = this.#asked.get(id);
    if (before) return before;
    const asking = this.#ask(id);
    this.#asked.set(id, asking);
    try {
      const value = await asking;
      // Not if it was written meanwhile. That there is none is not kept: who finds none looks again, and is to see it then.
      if (value !== undefined && this.#asked.get(id) === asking) this.#keep(id, value);
      return value;
    } finally {
      if (this.#asked.get(id) === asking) this.#asked.delete(id);
    }
  }

  async put(name: string, value: string): Promise<void> {
    const id = secretId(this.#prefix, name);
    checkSecret(id, value);
    await this.#settled(`write the secret ${id}`, async () => {
      try {
        return (await this.#replace(id, value)) || (await this.#add(id, value)) || undefined;
      } catch (error) {
        if (!isNamed(error, 'InvalidRequestException')) throw error;
        await this.#restored(id);
        return undefined;
      }
    });
    this.#keep(id, value);
  }

  async create(name: string, value: string): Promise<boolean> {
    const id = secretId(this.#prefix, name);
    checkSecret(id, value);
    const created = await this.#settled(`create the secret ${id}`, async () => {
      try {
        return await this.#add(id, value);
      } catch (error) {
        if (!isNamed(error, 'InvalidRequestException')) throw error;
        // What was deleted is not there for anybody. (Of two that race to restore one, both win; the later value stays.)
        return (await this.#restored(id)) && (await this.#replace(id, value)) ? true : undefined;
      }
    });
    if (created) this.#keep(id, value);
    else this.#forget(id);
    return created;
  }

  async delete(name: string): Promise<void> {
    const id = secretId(this.#prefix, name);
    const asked = new DeleteSecretCommand({ SecretId: id, ForceDeleteWithoutRecovery: true });
    await this.#client.send(asked).catch(async error => {
      if (!(await this.#absent(id, error))) throw awsError(error, `delete the secret ${id}`);
    });
    this.#forget(id);
  }

  async #ask(id: string): Promise<string | undefined> {
    try {
      return (await this.#client.send(new GetSecretValueCommand({ SecretId: id }))).SecretString;
    } catch (error) {
      if (await this.#absent(id, error)) return undefined;
      throw awsError(error, `read the secret ${id}`);
    }
  }

  /** False when there is none. */
  async #replace(id: string, value: string): Promise<boolean> {
    return await unless('ResourceNotFoundException', () =>
      this.#client.send(new PutSecretValueCommand({ SecretId: id, SecretString: value })),
    );
  }

  /** False when there is one. The SDK names the request, so that a second try after a lost answer finds its own and is content. */
  async #add(id: string, value: string): Promise<boolean> {
    return await unless('ResourceExistsException', () =>
      this.#client.send(new CreateSecretCommand({ Name: id, SecretString: value, Description: 'Kept by Sluice.' })),
    );
  }

  /** Does it again, after a while, as long as it answers undefined: the name is being deleted, or written by others. */
  async #settled<T>(doing: string, act: () => Promise<T | undefined>): Promise<T> {
    for (let tried = 1; tried <= tries; tried++) {
      const done = await act().catch(error => {
        throw awsError(error, doing);
      });
      if (done !== undefined) return done;
      await delay(Math.random() * 40 * 2 ** tried);
    }
    throw new AwsError(
      'Unexpected',
      `AWS did not ${doing}: the name is being deleted or changed by others; try again in a minute`,
    );
  }

  /**
   * Restores it if it is deleted: a deleted secret keeps its name for a while, or for the days of its recovery window. False when
   * there was nothing to restore.
   */
  async #restored(id: string): Promise<boolean> {
    if (!(await this.#deleted(id))) return false;
    try {
      await this.#client.send(new RestoreSecretCommand({ SecretId: id }));
      return true;
    } catch (error) {
      if (isNamed(error, 'ResourceNotFoundException') || isNamed(error, 'InvalidRequestException')) return false;
      throw error;
    }
  }

  #keep(id: string, value: string): void {
    this.#forget(id);
    if (this.#cached.size >= maxCached) this.#cached.delete(this.#cached.keys().next().value!);
    this.#cached.set(id, { value, until: this.#clock.now() + this.#cacheMs });
  }

  #forget(id: string): void {
    this.#cached.delete(id);
    this.#asked.delete(id);
  }

  /** Whether the error says that there is no such secret, or none any more. */
  async #absent(id: string, error: unknown): Promise<boolean> {
    if (isNamed(error, 'ResourceNotFoundException')) return true;
    // Said of deleted secrets, and of others.
    if (!isNamed(error, 'InvalidRequestException')) return false;
    return this.#deleted(id).catch(() => false);
  }

  /** Whether it is on its way out, or out. */
  async #deleted(id: string): Promise<boolean> {
    try {
      return (await this.#client.send(new DescribeSecretCommand({ SecretId: id }))).DeletedDate !== undefined;
    } catch (error) {
      if (isNamed(error, 'ResourceNotFoundException')) return true;
      throw error;
    }
  }
}

function isNamed(error: unknown, name: string): boolean {
  return error instanceof Error && error.name === name;
}

async function unless(name: string, act: () => Promise<unknown>): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (error) {
    if (isNamed(error, name)) return false;
    throw error;
  }
}
