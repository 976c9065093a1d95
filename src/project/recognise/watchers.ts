/**
 * camp restarts what has changed itself, quicker than a watcher that runs inside; so `node --watch x` is
 * started as `node x`, `nodemon x` as `node x`, `tsx watch x` as `tsx x`. What is not understood stays.
 */
export function withoutWatcher(argv: readonly string[]): readonly string[] {
  const [program = '', ...rest] = argv;
  switch (program.split('/').at(-1)) {
    case 'cross-env':
      return crossEnv(argv);
    case 'node':
      return [program, ...dropOptions(rest, nodeFlags, nodeValues)];
    case 'nodemon':
      return nodemon(rest) ?? argv;
    case 'tsx':
      if (rest[0] !== 'watch') return argv;
      return [
        program,
        ...dropOptions(
          rest.slice(1),
          /^--(?:no-)?clear-screen(?:=.*)?$|^--(?:ignore|include|exclude)=/,
          /^--(?:ignore|include|exclude)$/,
        ),
      ];
    case 'deno':
      return [program, ...dropOptions(rest, /^--watch(?:-hmr|-exclude)?(?:=.*)?$/, /^$/)];
    case 'bun':
      return [program, ...dropOptions(rest, /^--(?:watch|hot)$/, /^$/)];
    default:
      return argv;
  }
}

const nodeFlags = /^--watch(?:-preserve-output|-kill-signal=.*|-path=.*)?$/;
const nodeValues = /^--watch-(?:path|kill-signal)$/;

/** Options of node that have a value behind them and stay. */
const kept = /^(?:-r|--require|--import|--loader|--experimental-loader|-C|--conditions)$/;

/**
 * Leaves out options before the program's own file: `flags` alone, `values` with the word behind them. What
 * comes behind the file belongs to the program.
 */
function dropOptions(words: readonly string[], flags: RegExp, values: RegExp): readonly string[] {
  const left: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (values.test(word)) i++;
    else if (kept.test(word)) left.push(word, ...words.slice(++i, i + 1));
    else if (!word.startsWith('-') && word !== 'run') return [...left, ...words.slice(i)];
    else if (!flags.test(word)) left.push(word);
  }
  return left;
}

/** `cross-env A=b node x` is `node x` with a variable, which `env` gives without staying in between. */
function crossEnv(argv: readonly string[]): readonly string[] {
  const first = argv.findIndex((word, i) => i > 0 && !/^[A-Za-z_]\w*=/.test(word));
  if (first < 1) return argv;
  const inner = withoutWatcher(argv.slice(first));
  return first === 1 ? inner : ['env', ...argv.slice(1, first), ...inner];
}

/** Options of nodemon that are about watching only: without and with a value. */
const nodemonFlags =
  /^(?:-q|--quiet|-V|--verbose|-L|--legacy-watch|-I|--no-stdin|-C|--on-change-only|--no-colours)$|^--(?:watch|ext|ignore|delay|signal)=/;
const nodemonValues = /^(?:-w|--watch|-e|--ext|-i|--ignore|-d|--delay|-s|--signal)$/;

function nodemon(words: readonly string[]): readonly string[] | undefined {
  const kept: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? '';
    if (nodemonValues.test(word)) i++;
    else if (nodemonFlags.test(word)) continue;
    else if (word.startsWith('--inspect') || /^(?:-r|--require|--import|--env-file)\b/.test(word)) {
      kept.push(word);
      if (/^(?:-r|--require|--import)$/.test(word)) kept.push(words[++i] ?? '');
    } else if (word.startsWith('-')) return undefined;
    else return /\.[cm]?[jt]s$/.test(word) ? ['node', ...kept, ...words.slice(i)] : undefined;
  }
  return undefined;
}
