import { readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Service } from './types.ts';

/**
 * Whether a Caddyfile in the project's folder is the configuration of one service alone: built into its image or
 * mounted into what is no edge, and naming no service that it would lead to. It says nothing about the project then.
 */
export function isOfOneService(path: string, text: string, services: readonly Service[]): boolean {
  const isTaken = services.some(
    (service) => !service.isEdge && (isMountedInto(service, path) || isBuiltInto(service, path)),
  );
  return isTaken && !services.some((service) => service.isEdge) && !namesAny(text, services);
}

function isMountedInto({ hints }: Service, path: string): boolean {
  return hints?.mounts?.some(({ source }) => source === path) ?? false;
}

function isBuiltInto({ build, hints }: Service, path: string): boolean {
  if (!build || resolve(build.context) !== dirname(path)) return false;
  const text = hints?.dockerfile ?? textOf(join(build.context, build.dockerfile ?? 'Dockerfile')) ?? '';
  return /^\s*FROM\s.*\b(?:caddy|frankenphp)\b/im.test(text) && /^\s*(?:COPY|ADD)\s.*\bCaddyfile\b/im.test(text);
}

function namesAny(text: string, services: readonly Service[]): boolean {
  const words = new Set(
    text
      .replace(/(^|\s)#[^\n]*/g, '$1')
      .split(/[\s,{}]+/)
      .map((word) => word.replace(/^[a-z0-9+]+:\/\//, '').replace(/:\d+$/, '')),
  );
  return services.some(({ name, hints }) => [name, ...(hints?.aliases ?? [])].some((each) => words.has(each)));
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined; // building it will say why
  }
}
