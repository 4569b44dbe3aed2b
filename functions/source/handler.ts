import middy from '@middy/core';
import type { Context, SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { ports } from '#ports';
import { bucketController } from '../../shared/controllers/source/bucket/bucket.ts';
import { artifactGeneratorController } from '../../shared/controllers/source/generator/artifact-generator.ts';
import { gitRepositoryController } from '../../shared/controllers/source/git/git-repository.ts';
import { helmChartController } from '../../shared/controllers/source/helm/helm-chart.ts';
import { helmRepositoryController } from '../../shared/controllers/source/helm/helm-repository.ts';
import { ociRepositoryController } from '../../shared/controllers/source/oci/oci-repository.ts';
import { work } from '../../shared/reconcile/worker.ts';
import { config } from './config.ts';

const controllers = [
  gitRepositoryController,
  bucketController,
  ociRepositoryController,
  helmRepositoryController,
  helmChartController,
  artifactGeneratorController(config),
];

/**
 * The queue 'source': a GitRepository that was pushed to, changed, or came due. What it makes of it is said in
 * shared/controllers/source; the Kustomizations that wait for the artifact go to functions/kustomize.
 */
async function handle(event: SQSEvent, context: Context): Promise<SQSBatchResponse> {
  const deadline = Date.now() + context.getRemainingTimeInMillis();
  return work(event.Records, controllers, await ports(context.awsRequestId), deadline);
}

export const handler = middy(handle);
