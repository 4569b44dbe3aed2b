/** `npm run synth`: what an installation needs on AWS. So far what holds state; the functions come with the AWS deployment. */
import { App } from 'aws-cdk-lib';
import { QueuesStack } from './stacks/queues.ts';
import { StateStack } from './stacks/state.ts';

const app = new App();
new StateStack(app, 'SluiceState');
new QueuesStack(app, 'SluiceQueues');
app.synth();
