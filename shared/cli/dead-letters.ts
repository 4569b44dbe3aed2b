import { command, type ExitCode, type Io, UsageError } from './command.ts';
import { list } from './dead-letters-list.ts';
import { drop, resend } from './dead-letters-settle.ts';
import { show } from './dead-letters-show.ts';

export const summary = 'look at messages that were given up, send them again or drop them';

const help = `
Shows the messages that no worker could deal with and that no object can be told of. They lie in the dead-letter queues for
14 days (or as configured), and are sent again, or deleted, when somebody says so.

Usage:
  sluice dead-letters [list] [--queue QUEUE] [--wait DURATION] [-o table|json]
  sluice dead-letters show ID [--wait DURATION]
  sluice dead-letters resend ID…|--all [--queue QUEUE] [--wait DURATION]
  sluice dead-letters drop ID…|--all [--queue QUEUE] [--wait DURATION]

Commands:
  list                 what lies there, and why, as far as that can be told
  show ID              one of them in full, but for what may be secret
  resend ID…           puts them back into the queue that gave them up
  drop ID…             deletes them

Options:
  --all                all that can be had now
  --queue QUEUE        only what this queue gave up: source, kustomize, notification or timer
  --wait DURATION      on AWS: wait that long (20m, …) for those that the dead-letter function looks at just now
  -o, --output FORMAT  table (default) or json
  --dir DIR            state directory of one on this machine (default: $SLUICE_DIR, or .sluice)
  --aws [NAME][@REGION]
                       one on AWS instead (default: $SLUICE_AWS; NAME: sluice; REGION: $AWS_REGION, or that of the profile)

The first characters of an ID will do.

On AWS a message that somebody has received is hidden from all others. The dead-letter function receives each every 15 minutes,
so most are hidden at any time, and are only counted; --wait waits for them. What a command has found stays yours, on this
machine, for 15 minutes: the next command finds it, too.

Examples:
  sluice dead-letters
  sluice dead-letters show 5f3a
  sluice dead-letters resend 5f3a 91c0

  # On AWS: find all there are, then have those of one queue worked on again
  sluice dead-letters --aws --wait 20m
  sluice dead-letters resend --all --queue notification --aws
`;

const commands: Record<string, (args: string[], io: Io) => Promise<ExitCode>> = { list, show, resend, drop };

export function run(args: string[], io: Io): Promise<number> {
  return command('dead-letters', help, args, io, async () => {
    const [name = '', ...rest] = args;
    if (name === '' || name.startsWith('-')) return list(args, io);
    const act = Object.hasOwn(commands, name) ? commands[name] : undefined;
    if (!act) throw new UsageError(`unknown command "dead-letters ${name}"; there is list, show, resend and drop`);
    return act(rest, io);
  });
}
