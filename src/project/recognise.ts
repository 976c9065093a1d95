import { delimiter } from 'node:path';
import { type Command, type Folder, isOnPath, openFolder, parseObject, readIn } from './recognise/folder.ts';
import { goCommand, recogniseGo } from './recognise/go.ts';
import { nodeCommand, recogniseNode } from './recognise/node.ts';
import { recogniseDeno, recogniseRust, recogniseStatic } from './recognise/others.ts';
import { readProcfile } from './recognise/procfile.ts';
import { pythonCommand, recognisePython } from './recognise/python.ts';
import { argvOfLine } from './recognise/shell-line.ts';
import { withoutWatcher } from './recognise/watchers.ts';
import type { Start } from './types.ts';

export interface RecogniseOptions {
  /** `x-camp: {run: …}`: a command line, or its words. */
  readonly run?: string | readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/**
 * How a folder says that it is started without a container: `run`, package.json, Procfile, go.mod, Python,
 * Cargo.toml, deno.json, a page; the first that says anything. Undefined where nothing does.
 */
export function recogniseStart(path: string, { run, env }: RecogniseOptions): Start | undefined {
  const folder = openFolder(path, env);
  if (!folder) return undefined;
  const start = startOf(folder, run);
  const missing = start?.kind === 'command' ? missingProgram(start, env) : undefined;
  return start?.kind === 'command' && missing !== undefined ? { ...start, missing } : start;
}

function startOf(folder: Folder, run: RecogniseOptions['run']): Start | undefined {
  if (run !== undefined)
    return commandIn(folder, typeof run === 'string' ? withoutWatcher(argvOfLine(run)) : run, 'x-camp run');
  return (
    recogniseNodeFirst(folder) ??
    fromProcfile(folder) ??
    recogniseGo(folder) ??
    recognisePython(folder) ??
    recogniseRust(folder) ??
    recogniseDeno(folder) ??
    recogniseBare(folder) ??
    recogniseStatic(folder)
  );
}

/** Languages that a machine need not have. Node is there: camp runs on it. */
const toolchains: ReadonlySet<string> = new Set(['go', 'python3', 'python', 'cargo', 'deno']);

/** What an install brings along, such as the Python of a virtual environment, is not missing. */
function missingProgram({ argv, path, install }: Command, env: NodeJS.ProcessEnv): string | undefined {
  const [program = ''] = argv;
  const isBrought = path.length > 0 && (install !== undefined || isOnPath(program, { PATH: path.join(delimiter) }));
  return toolchains.has(program) && env['PATH'] && !isBrought && !isOnPath(program, env) ? program : undefined;
}

/** A package.json decides before everything else; a lone server.ts only when no other language does. */
function recogniseNodeFirst(folder: Folder): Command | undefined {
  return folder.names.has('package.json') ? recogniseNode(folder) : undefined;
}

function recogniseBare(folder: Folder): Command | undefined {
  return folder.names.has('package.json') ? undefined : recogniseNode(folder);
}

function fromProcfile(folder: Folder): Command | undefined {
  const entries = readProcfile(folder);
  const entry = entries.find(({ type }) => type === 'web') ?? entries[0];
  return entry && commandOfLine(folder, entry.line, `Procfile ${entry.type}`);
}

/** A command line in a folder, with the language's PATH and install. */
export function commandOfLine(folder: Folder, line: string, why: string): Command {
  return commandIn(folder, withoutWatcher(argvOfLine(line)), why);
}

function commandIn(folder: Folder, argv: readonly string[], why: string): Command {
  if (folder.names.has('package.json'))
    return nodeCommand(folder, parseObject(readIn(folder, 'package.json')), argv, why);
  if (folder.names.has('go.mod')) return goCommand(folder, argv, why);
  if (
    ['pyproject.toml', 'requirements.txt', '.venv', 'venv'].some((name) => folder.names.has(name)) ||
    /^python/.test(argv[0] ?? '')
  )
    return pythonCommand(folder, argv, why);
  if (argv[0] === 'node') return nodeCommand(folder, undefined, argv, why);
  return {
    kind: 'command',
    argv,
    cwd: folder.path,
    language: argv[0] === 'deno' ? 'deno' : argv[0] === 'cargo' ? 'rust' : 'other',
    why,
    path: [],
  };
}
