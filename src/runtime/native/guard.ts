import { type ChildProcess, spawn } from 'node:child_process';
import type { Ms } from '../../kit/events.ts';

/**
 * The guard: a shell that blocks on a pipe which only camp holds. When camp dies, however it dies, the pipe
 * ends, and the guard ends every process group that camp had told it of: its stop signal, its grace period, KILL.
 * The groups that exist when it starts are its arguments: between its start and a first line camp could die.
 * Before each signal the leader's start time is checked, and of a leader that is gone, whether its group has a member that is
 * more than a zombie: not every first process of a container reaps its orphans, and then the guard would never end. That is
 * asked every half second only: all of /proc is read for it.
 */
const script = `
trap '' INT HUP TERM
alive() { kill -s 0 -- "-$1" 2>/dev/null || return 1
  [ -r /proc/self/stat ] || return 0
  if { IFS= read -r stat < "/proc/$1/stat"; } 2>/dev/null; then
    set -- "$1" "$2" \${stat##*)}
    [ "$2" = "\${22}" ] || return 1
    [ "$3" = Z ] || return 0
  fi
  [ $((tick % 5)) -ne 1 ] || living "$1"; }
living() { for other in /proc/[0-9]*/stat; do
  { IFS= read -r stat < "$other"; } 2>/dev/null || continue
  set -- "$1" \${stat##*)}
  if [ "$4" = "$1" ] && [ "$2" != Z ]; then return 0; fi; done
  return 1; }
list=" $* "
while read -r op group; do
  case $op in
    +) list="$list$group " ;;
    -) case $list in *" $group:"*) rest=\${list#*" $group:"}; list="\${list%%" $group:"*} \${rest#* }" ;; esac ;;
  esac
done
each() { for entry in $list; do
  pid=\${entry%%:*}; rest=\${entry#*:}; start=\${rest%%:*}; rest=\${rest#*:}
  tenths=\${rest%%:*}; signal=\${rest#*:}
  if alive "$pid" "$start"; then "$@" "$pid"; fi; done; }
end() { kill -s "$1" -- "-$2" 2>/dev/null; }
stop() { end "$signal" "$1"; }
due() { left=1; [ "$tick" -lt "$tenths" ] || end KILL "$1"; }
tick=0
each stop
while :; do
  left=''; each due
  [ -n "$left" ] || exit 0
  tick=$((tick + 1)); sleep 0.1
done
`;

interface Stop {
  readonly signal: NodeJS.Signals;
  readonly graceMs: Ms;
}

/** Keeps a guard process alive and tells it which process groups exist. */
export class Guard {
  readonly #env: Readonly<Record<string, string>>;
  /** What the guard is told of each group: its id, its leader's start time, its grace in tenths of a second, and its stop signal. */
  readonly #groups = new Map<number, string>();
  #shell: ChildProcess | undefined;
  #opening: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(env: Readonly<Record<string, string>>) {
    this.#env = env;
  }

  /** From now on the group ends when camp does, with the signal and the grace that it has otherwise too. */
  add(pgid: number, startTime: string, stop: Partial<Stop> = {}): void {
    const { signal = 'SIGTERM', graceMs = 2000 } = stop;
    // a start time that is no number (macOS) holds blanks, and is not looked at either
    const told = [pgid, startTime.replace(/\D/g, '') || '-', Math.ceil(graceMs / 100), signal.slice(3)].join(':');
    this.#groups.set(pgid, told);
    if (this.#shell) this.#tell(`+ ${told}`);
    // after the services of this moment: the guard is the one process that nobody waits for
    else this.#opening ??= setTimeout(() => this.#open(), 5);
  }

  remove(pgid: number): void {
    if (this.#groups.delete(pgid)) this.#tell(`- ${pgid}`);
  }

  /** The guard ends; groups it still knows of are ended by it. */
  close(): void {
    this.#isClosed = true;
    this.#shell?.stdin?.end();
  }

  #open(): void {
    this.#opening = undefined;
    if (this.#isClosed || this.#groups.size === 0) return;
    const shell = spawn('/bin/sh', ['-c', script, 'camp-guard', ...this.#groups.values()], {
      env: this.#env,
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    shell.unref();
    shell.stdin?.on('error', () => undefined); // a guard that died is replaced by the exit handler
    (shell.stdin as unknown as { unref?(): void } | null)?.unref?.();
    shell.once('exit', () => {
      this.#shell = undefined;
      this.#open();
    });
    shell.once('error', () => undefined);
    this.#shell = shell;
  }

  #tell(line: string): void {
    this.#shell?.stdin?.write(`${line}\n`);
  }
}
