import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';

/** A command that runs beside the test. */
export interface Shell {
  readonly pid: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, in the order in which they came. */
  readonly output: string;
  /** Its exit code, 128+n for a signal, once it has ended. */
  readonly code: number | undefined;
  /** Resolves to the exit code; rejects after `ms` with all that it has said. */
  exits(ms?: number): Promise<number>;
  /** Resolves when it has said `text`; rejects after `ms` with all that it has said. */
  says(text: string | RegExp, ms?: number): Promise<void>;
  type(keys: string): void;
  signal(signal: NodeJS.Signals): void;
  /** Ends it if it still runs. */
  end(): Promise<void>;
}

export function shell(file: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Shell {
  const child: ChildProcess = spawn(file, args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
  const words = [file, ...args].slice(-4).join(' ');
  let [stdout, stderr, output] = ['', '', ''];
  let code: number | undefined;
  child.stdout?.setEncoding('utf8').on('data', (text: string) => ((stdout += text), (output += text)));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => ((stderr += text), (output += text)));
  child.stdin?.on('error', () => undefined);
  const closed = new Promise<number>((resolve) => {
    child.once('error', () => resolve(127));
    child.once('exit', (status, signal) => {
      code = status ?? 128 + (signal ? constants.signals[signal] : 0);
      // a child that lives on may hold the pipes: the exit is what counts
      const late = setTimeout(() => resolve(code ?? 127), 200);
      child.once('close', () => (clearTimeout(late), resolve(code ?? 127)));
    });
  });

  async function within<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${words}: ${what} not within ${ms} ms; it said:\n${output}`)), ms);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  }

  return {
    get pid() {
      return child.pid ?? 0;
    },
    get stdout() {
      return stdout;
    },
    get stderr() {
      return stderr;
    },
    get output() {
      return output;
    },
    get code() {
      return code;
    },
    exits: (ms = 20_000) => within(closed, ms, 'exit'),
    says(text, ms = 20_000) {
      const has = (): boolean => (typeof text === 'string' ? output.includes(text) : text.test(output));
      const said = new Promise<void>((resolve, reject) => {
        const look = (): void =>
          void (has() && (resolve(), child.stdout?.off('data', look), child.stderr?.off('data', look)));
        child.stdout?.on('data', look);
        child.stderr?.on('data', look);
        void closed.then(() =>
          has()
            ? resolve()
            : reject(new Error(`${words} ended with ${code} and never said ${text}; it said:\n${output}`)),
        );
        look();
      });
      return within(said, ms, `"${text}"`);
    },
    type: (keys) => void child.stdin?.write(keys),
    signal: (name) => void child.kill(name),
    async end() {
      if (code === undefined) child.kill('SIGKILL');
      await closed;
    },
  };
}
