import type { Mode } from '../plan/types.ts';

/** Which files are read, and where their services are to run; what is absent stays as it was. */
export interface Selection {
  /** `--docker`, `--native` */
  readonly mode?: Mode;
  /** `-f`, absolute */
  readonly files?: readonly string[];
  /** `--profile` */
  readonly profiles?: readonly string[];
  /** A second one of the same project, with ports, data, containers and a state folder of its own. */
  readonly instance?: string;
}

/** The parts of a selection that are there, and nothing else of what carries them. */
export function selectionOf({ mode, files, profiles, instance }: Selection): Selection {
  return {
    ...(mode ? { mode } : {}),
    ...(files ? { files } : {}),
    ...(profiles ? { profiles } : {}),
    ...(instance === undefined ? {} : { instance }),
  };
}
