import { type App, Tags } from 'aws-cdk-lib';
import type { Config } from './config-schema.ts';
import type { FunctionName } from './function-settings.ts';
import { ServiceStack } from './stacks/service.ts';
import { StateStack } from './stacks/state.ts';

export interface Installation {
  config: Config;
  state: StateStack;
  service: ServiceStack;
}

/**
 * The two stacks of an installation. `bundles`: folders by the function's name, as bundleFunctions (infra/bundles.ts) makes
 * them. Without `region` and `account` in the configuration they can be deployed wherever the credentials lead.
 */
export function installation(app: App, config: Config, bundles: Record<FunctionName, string>): Installation {
  const env = {
    ...(config.account && { account: config.account }),
    ...(config.region && { region: config.region }),
  };
  const state = new StateStack(app, `${config.name}-state`, config, {
    env,
    description: `Sluice (${config.name}): what outlives updates`,
  });
  const service = new ServiceStack(app, config.name, {
    env,
    description: `Sluice (${config.name}): queues, functions, webhook API, alarms`,
    config,
    state,
    bundles,
  });
  for (const [key, value] of Object.entries({ 'sluice:installation': config.name, ...config.tags }))
    Tags.of(app).add(key, value);
  return { config, state, service };
}
