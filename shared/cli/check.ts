import { checkCluster, type Finding } from './check-cluster.ts';
import { command, type Io } from './command.ts';
import { chosenClusters, type Installation, withInstallation } from './installation.ts';
import { placeOf, placeOptions, readPlaceArgs } from './place.ts';

export const summary = 'check that the clusters can be reached and have what Sluice needs';

const help = `
Checks what Sluice needs: clusters that answer, the definitions of Flux's kinds in versions it knows, rights, no controllers
of Flux beside it, and no messages that were given up.

Usage:
  sluice check [--cluster NAME]

Options:
  --cluster NAME  only this cluster
  --dir DIR       state directory of one on this machine (default: $SLUICE_DIR, or .sluice)
  --aws [NAME][@REGION]
                  one on AWS instead (default: $SLUICE_AWS; NAME: sluice; REGION: $AWS_REGION, or that of the profile)

The exit code is 1 when something is wrong (✗); what only deserves a look (!) does not count.

Examples:
  sluice check
  sluice check --cluster production
`;

const options = { cluster: { type: 'string' }, ...placeOptions } as const;

const marks = { good: '✔', warn: '!', bad: '✗' } as const;

export function run(args: string[], io: Io): Promise<number> {
  return command('check', help, args, io, async () => {
    const { values } = readPlaceArgs(args, options);
    return withInstallation(io, placeOf(io, values), async installation => {
      const { aws, ports } = installation;
      let bad = false;
      const show = (findings: Finding[]) => {
        for (const { level, text } of findings) io.out(`${marks[level]} ${text}`);
        bad ||= findings.some(finding => finding.level === 'bad');
      };
      const clusters = await chosenClusters(ports, values.cluster);
      if (aws) {
        io.out(`installation ${aws.name}@${aws.region}`);
        show([{ level: 'good', text: `webhooks are taken at ${aws.webhookUrl}` }]);
      }
      const found = await Promise.all(clusters.map(name => checkCluster(name, ports)));
      for (const [position, name] of clusters.entries()) {
        io.out(`cluster ${name}`);
        show(found[position]!);
      }
      io.out('queues');
      show(await checkQueues(installation));
      return bad ? 1 : 0;
    });
  });
}

async function checkQueues(installation: Installation): Promise<Finding[]> {
  const given = Object.entries(await installation.deadLetters()).filter(([, count]) => count > 0);
  if (given.length === 0) return [{ level: 'good', text: 'no message was given up' }];
  return given.map(([queue, count]) => ({
    level: 'bad',
    text: `${count} ${count === 1 ? 'message' : 'messages'} of the queue ${queue} could not be worked on after three tries; \`sluice dead-letters\` shows what they are and takes them away, \`sluice logs --level error\` why`,
  }));
}
