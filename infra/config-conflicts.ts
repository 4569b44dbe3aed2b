import type { Problem } from './config-errors.ts';
import type { Config } from './config-schema.ts';
import { type FunctionName, functionNames, settingsOf } from './function-settings.ts';

/** What no single option shows: values that do not go together. */
export function conflictsOf(config: Config): Problem[] {
  return [
    ...duplicates(
      config.clusters.map(cluster => cluster.name),
      index => ['clusters', index, 'name'],
      name => `there is a cluster "${name}" already; a cluster's name is its own`,
    ),
    ...duplicates(
      config.vpc?.subnets ?? [],
      index => ['vpc', 'subnets', index],
      id => `${id} is listed twice`,
    ),
    ...(config.vpc && config.vpc.securityGroups.length > 0
      ? duplicates(
          config.vpc.securityGroups,
          index => ['vpc', 'securityGroups', index],
          id => `${id} is listed twice`,
        )
      : []),
    ...certificate(config),
    ...alarms(config),
    ...functionNames.flatMap(name => concurrency(name, config)),
  ];
}

function duplicates(
  values: readonly string[],
  path: (index: number) => Problem['path'],
  message: (value: string) => string,
): Problem[] {
  return values.flatMap((value, index) =>
    values.indexOf(value) === index ? [] : [{ path: path(index), message: message(value) }],
  );
}

function certificate({ domain, region }: Config): Problem[] {
  const of = domain?.certificateArn.split(':')[3];
  if (!domain || !region || of === region) return [];
  return [
    {
      path: ['domain', 'certificateArn'],
      message: `the certificate is in ${of}, and an HTTP API in ${region} takes only those of ${region}; request or import one there`,
    },
  ];
}

function alarms({ alarms: { topicArn, email }, region }: Config): Problem[] {
  const problems: Problem[] = [];
  if (topicArn && email)
    problems.push({
      path: ['alarms', 'email'],
      message: 'there is a topicArn, too; give one of them, and subscribe the address to the topic',
    });
  const of = topicArn?.split(':')[3];
  if (topicArn && region && of !== region)
    problems.push({
      path: ['alarms', 'topicArn'],
      message: `the topic is in ${of}; alarms of ${region} can only tell topics of ${region}`,
    });
  return problems;
}

function concurrency(name: FunctionName, config: Config): Problem[] {
  const reserved = config.reservedConcurrency[name];
  const wanted = config.concurrency[name] ?? settingsOf(name).concurrency;
  if (reserved === undefined || wanted === undefined || reserved >= wanted) return [];
  return [
    {
      path: ['reservedConcurrency', name],
      message: `is ${reserved}, less than concurrency.${name} (${wanted}): messages would be handed to a function that refuses them, and be given up after three times; set concurrency.${name} to ${Math.max(2, reserved)} or less`,
    },
  ];
}
