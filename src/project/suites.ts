import { recogniseSystemTests, recogniseTests } from './recognise/tests.ts';
import type { Project, Service, Start } from './types.ts';

/** Tests that `camp test` runs: those of one service, or of all together. */
export interface Suite {
  /** The service's name, or `system`. */
  readonly name: string;
  readonly kind: 'service' | 'system';
  readonly command: Extract<Start, { kind: 'command' }>;
}

export interface Suites {
  readonly suites: readonly Suite[];
  /** Services with code of the project's own, and no tests. */
  readonly untested: readonly string[];
}

/** The tests of each service, in the order of the file, then those of the system; with `only`, the tests of just these. */
export function suitesOf(project: Project, only: readonly string[] | undefined, env: NodeJS.ProcessEnv): Suites {
  const services = [...project.services.values()].filter(
    (service) => !service.isEdge && (only === undefined || only.includes(service.name)),
  );
  const folders = new Map(services.flatMap((service) => entry(service.name, folderOf(service))));
  const suites: Suite[] = [];
  const untested: string[] = [];
  const seen = new Set<string>();
  for (const [name, folder] of folders) {
    // several services of one folder, as a server and its worker, have one set of tests
    const command = seen.has(folder) ? undefined : recogniseTests(folder, env);
    if (command) suites.push({ name, kind: 'service', command });
    else if (!seen.has(folder)) untested.push(name);
    seen.add(folder);
  }
  const system = only === undefined && !seen.has(project.dir) ? recogniseSystemTests(project.dir, env) : undefined;
  if (system) suites.push({ name: 'system', kind: 'system', command: system });
  return { suites, untested };
}

/** Where the service's code lies; undefined for what is only an image. */
function folderOf({ start, build }: Service): string | undefined {
  if (build) return build.context;
  if (start?.kind === 'command') return start.cwd;
  return start?.kind === 'static' ? start.root : undefined;
}

function entry(name: string, folder: string | undefined): readonly (readonly [string, string])[] {
  return folder === undefined ? [] : [[name, folder]];
}
