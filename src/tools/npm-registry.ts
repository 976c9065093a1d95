import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { readText } from '../kit/files.ts';

const official = 'https://registry.npmjs.org/';

/**
 * The registry that npm would ask for packages of a scope, with a slash at its end: npm_config_registry, else what the
 * user's .npmrc or the global one says. No password or token is read: a registry that wants one says so.
 */
export function registryOf(scope: string, env: NodeJS.ProcessEnv): string {
  const files = [userConfig(env), join(dirname(process.execPath), '..', 'etc', 'npmrc')].map(settingsIn);
  const keys = [`${scope}:registry`, 'registry'];
  const found = keys
    .flatMap((key) => [fromEnvironment(key, env), ...files.map((file) => file.get(key))])
    .find((value) => value !== undefined && value !== '');
  const registry = (found ?? official).replace(/\$\{([^}]+)\}/g, (whole, name: string) => env[name] ?? whole);
  return registry.endsWith('/') ? registry : `${registry}/`;
}

function userConfig(env: NodeJS.ProcessEnv): string {
  return fromEnvironment('userconfig', env) ?? join(env['HOME'] ?? homedir(), '.npmrc');
}

/** npm reads its variables in any case. */
function fromEnvironment(key: string, env: NodeJS.ProcessEnv): string | undefined {
  const name = Object.keys(env).find((one) => one.toLowerCase() === `npm_config_${key}`);
  return name === undefined ? undefined : env[name];
}

/** `key=value` lines; `;` and `#` begin a comment. */
function settingsIn(path: string): ReadonlyMap<string, string> {
  let text: string | undefined;
  try {
    text = readText(path);
  } catch {
    // not to be read: npm would say so
  }
  const pairs = (text ?? '').split('\n').flatMap((line): [string, string][] => {
    const match = /^\s*([^;#=\s][^=]*?)\s*=\s*"?([^"\n]*?)"?\s*$/.exec(line);
    return match ? [[match[1] ?? '', match[2] ?? '']] : [];
  });
  return new Map(pairs);
}
