import { discord } from './discord.ts';
import { generic, genericHmac } from './generic.ts';
import { msteams } from './msteams.ts';
import type { ProviderType } from './provider-type.ts';
import { rocket } from './rocket.ts';
import { slack } from './slack.ts';

const providerTypes: Record<string, ProviderType> = {
  generic,
  'generic-hmac': genericHmac,
  slack,
  msteams,
  discord,
  rocket,
};

/** undefined for a type that is not built. */
export function providerTypeOf(name: string): ProviderType | undefined {
  return Object.hasOwn(providerTypes, name) ? providerTypes[name] : undefined;
}
