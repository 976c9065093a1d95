import { join } from 'node:path';
import { readText } from '../kit/files.ts';
import { namesIn } from './project-files.ts';

/** What a folder holds, as far as its Dockerfile depends on it. */
export interface FolderFacts {
  /** Absolute: the context of the build. */
  readonly folder: string;
  readonly names: readonly string[];
  /** What is installed runs, or consists of, code of the folder itself: the manifests alone are not enough. */
  readonly installsOwnCode: boolean;
  /** Whether pyproject.toml names dependencies. */
  readonly hasPyDependencies: boolean;
  /** The program that Cargo.toml makes. */
  readonly cargoName?: string;
}

export function factsOf(folder: string): FolderFacts {
  const names = namesIn(folder);
  const text = (name: string): string => (names.includes(name) ? (readText(join(folder, name)) ?? '') : '');
  const hasPyDependencies = /^\s*dependencies\s*=\s*\[\s*["']/m.test(text('pyproject.toml'));
  const cargo = text('Cargo.toml');
  const cargoName = /^default-run\s*=\s*"([^"]+)"/m.exec(cargo)?.[1] ?? /^name\s*=\s*"([^"]+)"/m.exec(cargo)?.[1];
  return {
    folder,
    names,
    hasPyDependencies,
    ...(cargoName === undefined ? {} : { cargoName }),
    installsOwnCode:
      runsScripts(text('package.json')) ||
      names.includes('.yarnrc.yml') ||
      /^\s*(-[rce]\b|--(requirement|constraint|editable)|\.{0,2}\/|\.\s*$|file:)/m.test(text('requirements.txt')) ||
      (hasPyDependencies && !names.includes('requirements.txt')) ||
      /=>\s*\.{1,2}\//.test(text('go.mod')),
  };
}

/** Scripts that npm runs while it installs, and dependencies that are folders. */
function runsScripts(manifest: string): boolean {
  return /"(pre|post)?install"\s*:|"prepare"\s*:|:\s*"(file|link|workspace|portal):/.test(manifest);
}
