import { dirname, resolve } from 'node:path';
import { findProjectDir, realFolder } from '../camp/folders.ts';

/** Flags that every command has. */
export interface SharedFlags {
  readonly json: boolean;
  /** false for `--no-color`. */
  readonly color?: boolean;
  /** `--dir`: the folder to look for the project from. */
  readonly dir?: string;
  /** `--file`: compose files, as written. */
  readonly files?: readonly string[];
  /** `--profile` */
  readonly profiles?: readonly string[];
}

/** The flags as a parser gives them. */
export interface ParsedFlags {
  readonly json?: boolean | undefined;
  readonly color?: boolean | undefined;
  readonly dir?: string | undefined;
  readonly file?: readonly string[] | undefined;
  readonly profile?: readonly string[] | undefined;
}

export function sharedFlags({ json, color, dir, file, profile }: ParsedFlags): SharedFlags {
  return {
    json: json === true,
    ...(color === undefined ? {} : { color }),
    ...(dir === undefined ? {} : { dir }),
    ...(file?.length ? { files: file } : {}),
    ...(profile?.length ? { profiles: profile } : {}),
  };
}

/** The project's folder, and which of its files are read. */
export interface ProjectFlags {
  readonly dir: string;
  readonly files?: readonly string[];
  readonly profiles?: readonly string[];
}

/** The nearest folder with project files; with `--file` and as Compose has it, that of the first file. Throws NOT_A_PROJECT (usage). */
export function projectFlags({ dir, files, profiles }: SharedFlags): ProjectFlags {
  const paths = files?.map((file) => resolve(file));
  const [first] = paths ?? [];
  const isOfFile = first !== undefined && dir === undefined;
  return {
    dir: isOfFile ? realFolder(dirname(first)) : findProjectDir(dir ?? process.cwd()),
    ...(paths ? { files: paths } : {}),
    ...(profiles ? { profiles } : {}),
  };
}

/** `--docker` or `--native`; undefined where neither is said: then it stays as it is. */
export function modeOf(flags: { readonly docker: boolean; readonly native: boolean }): 'docker' | 'native' | undefined {
  if (flags.docker) return 'docker';
  return flags.native ? 'native' : undefined;
}
