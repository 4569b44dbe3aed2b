import { relative } from 'node:path';
import { styleText } from 'node:util';
import type { LocalFile } from '../local/local-file.ts';
import type { Step } from '../local/progress.ts';
import type { Io } from './command.ts';

type Style = Parameters<typeof styleText>[0];

const styles: Record<Step['name'], Style> = {
  pushed: 'bold',
  received: 'cyan',
  fetched: 'cyan',
  built: 'cyan',
  applied: 'blue',
  healthy: 'green',
  announced: 'magenta',
  failed: 'red',
  'given up': 'red',
};

/** What `sluice start` says. */
export class Screen {
  readonly #io: Io;
  readonly #colour: boolean;
  readonly #quiet: boolean;

  constructor(io: Io, colour: boolean, quiet: boolean) {
    this.#io = io;
    this.#colour = colour;
    this.#quiet = quiet;
  }

  /** All is there: where, and what to try. */
  ready(local: LocalFile, milliseconds: number, more: { sandbox: boolean; log: string }): void {
    const kubeconfig = this.#path(local.kubeconfig);
    const places: [string, string][] = [
      ['API server', `${local.api}${more.sandbox ? '  (sandbox)' : ''}`],
      ['kubeconfig', kubeconfig],
      ['gateway', local.gateway],
      ...(local.webhook ? ([['webhook', local.webhook]] as [string, string][]) : []),
      ...(local.demoRepository ? ([['demo repository', local.demoRepository]] as [string, string][]) : []),
      ['notifications', local.notifications],
      ['log', this.#path(more.log)],
    ];
    const out = (line: string) => this.#io.out(line);
    out(`${this.#paint('bold', 'Sluice is ready')} ${this.#paint('dim', `after ${seconds(milliseconds)}`)}`);
    out('');
    for (const [name, value] of places) out(`  ${this.#paint('dim', name.padEnd(16))} ${value}`);
    out('');
    for (const line of tries(local, kubeconfig)) out(`  ${line}`);
    out('');
    out(this.#paint('dim', 'Ctrl-C stops it; the state is kept.'));
    out('');
  }

  step(step: Step): void {
    if (this.#quiet) return;
    const after = `+${seconds(step.after)}`.padStart(9);
    this.#io.out(
      `${this.#paint('dim', after)}  ${this.#paint(styles[step.name], step.name.padEnd(9))}  ${printable(step.what)}`,
    );
  }

  warn(text: string): void {
    this.#io.err(`warning: ${text}`);
  }

  stopping(): void {
    if (!this.#quiet) this.#io.out(this.#paint('dim', 'stopping…'));
  }

  #paint(style: Style, text: string): string {
    return this.#colour ? styleText(style, text, { validateStream: false }) : text;
  }

  /** Short when it lies below the working directory. */
  #path(path: string): string {
    const near = relative(this.#io.cwd, path);
    return near && !near.startsWith('..') ? near : path;
  }
}

/** Commands that can be pasted as they are. */
function tries(local: LocalFile, kubeconfig: string): string[] {
  if (!local.demoRepository) return [`kubectl --kubeconfig ${kubeconfig} get gitrepositories,kustomizations -A`];
  return [
    'Try:',
    `  kubectl --kubeconfig ${kubeconfig} get gitrepositories,kustomizations,deployments -A`,
    `  git clone ${local.demoRepository} demo && cd demo`,
    `  sed -i.bak 's/Hello from Git/Good morning/' app/settings.yaml`,
    `  git commit -am 'Say good morning' && git push`,
  ];
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)}s`;
}

/** Messages come from outside: no control characters reach the terminal. */
function printable(text: string): string {
  return text.replace(/\p{C}/gu, ' ');
}
