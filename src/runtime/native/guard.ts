import { type ChildProcess, spawn } from 'node:child_process';
import type { Ms } from '../../kit/events.ts';

/**
 * The guard: a shell that blocks on a pipe which only camp holds. When camp dies, however it dies, the pipe
 * ends, and the guard ends every process group that camp had told it of: TERM, the grace period, KILL.
 * Before each signal the leader's start time (or, when the leader is gone, the group itself) is checked.
 */
const script = `
trap '' INT HUP TERM
alive() { kill -s 0 -- "-$1" 2>/dev/null || return 1
  [ -r "/proc/$1/stat" ] || return 0
  IFS= read -r stat < "/proc/$1/stat" || return 0
  set -- "$1" "$2" \${stat##*)}
  [ "$2" = "\${22}" ]; }
list=' '
while read -r op pid start; do
  case $op in
    +) list="$list$pid:$start " ;;
    -) case $list in *" $pid:"*) rest=\${list#*" $pid:"}; list="\${list%%" $pid:"*} \${rest#* }" ;; esac ;;
  esac
done
each() { for entry in $list; do pid=\${entry%%:*}; start=\${entry#*:}; if alive "$pid" "$start"; then "$@" "$pid"; fi; done; }
end() { kill -s "$1" -- "-$2" 2>/dev/null; }
count() { left=1; }
each end TERM
tries=0
while :; do
  left=''; each count
  [ -n "$left" ] || exit 0
  [ "$tries" -lt "$GUARD_TRIES" ] || break
  tries=$((tries + 1)); sleep 0.1
done
each end KILL
`;

/** Keeps a guard process alive and tells it which process groups exist. */
export class Guard {
  readonly #env: Readonly<Record<string, string>>;
  readonly #groups = new Map<number, string>();
  #shell: ChildProcess | undefined;
  #opening: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(env: Readonly<Record<string, string>>, graceMs: Ms) {
    this.#env = { ...env, GUARD_TRIES: String(Math.ceil(graceMs / 100)) };
  }

  /** From now on the group ends when camp does. */
  add(pgid: number, startTime: string): void {
    this.#groups.set(pgid, startTime);
    if (this.#shell) this.#tell(`+ ${pgid} ${startTime}`);
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
    const shell = spawn('/bin/sh', ['-c', script, 'camp-guard'], { env: this.#env, cwd: '/', detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    shell.unref();
    shell.stdin?.on('error', () => undefined); // a guard that died is replaced by the exit handler
    (shell.stdin as unknown as { unref?(): void } | null)?.unref?.();
    shell.once('exit', () => {
      this.#shell = undefined;
      this.#open();
    });
    shell.once('error', () => undefined);
    this.#shell = shell;
    for (const [pgid, startTime] of this.#groups) this.#tell(`+ ${pgid} ${startTime}`);
  }

  #tell(line: string): void {
    this.#shell?.stdin?.write(`${line}\n`);
  }
}
