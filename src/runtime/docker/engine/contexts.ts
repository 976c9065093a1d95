import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { failure } from '../../../kit/failure.ts';
import type { EngineAddress } from './types.ts';

/** The context that `docker context use` chose; absent for the default one, and where the file cannot be read. */
export function currentContext(configDir: string): string | undefined {
  const config = readJson(join(configDir, 'config.json')) as { currentContext?: unknown } | undefined;
  const name = config?.currentContext;
  return typeof name === 'string' && name !== '' && name !== 'default' ? name : undefined;
}

/** Where the docker CLI keeps a context: its folder is named by the hash of its name. `from`: DOCKER_CONTEXT has chosen it. */
export function readContext(configDir: string, name: string, from: 'environment' | 'config'): EngineAddress {
  const id = createHash('sha256').update(name).digest('hex');
  const file = join(configDir, 'contexts', 'meta', id, 'meta.json');
  const why = from === 'environment' ? `DOCKER_CONTEXT ${name}` : `context ${name}`;
  const meta = readJson(file) as ContextMeta | undefined;
  const endpoint = meta?.Endpoints?.docker;
  if (typeof endpoint?.Host !== 'string' || endpoint.Host === '')
    return {
      host: '',
      why,
      problem: failure(
        'machine',
        'ENGINE_UNREACHABLE',
        `the docker context "${name}" ${existsSync(file) ? 'names no engine' : 'does not exist'}`,
        {
          evidence: [file],
          hints: [from === 'environment' ? 'unset DOCKER_CONTEXT' : 'docker context use default', 'docker context ls'],
        },
      ),
    };
  const dir = join(configDir, 'contexts', 'tls', id, 'docker');
  return {
    host: endpoint.Host,
    why,
    ...(existsSync(dir) ? { tls: { dir, isVerified: endpoint.SkipTLSVerify !== true } } : {}),
  };
}

interface ContextMeta {
  readonly Endpoints?: { readonly docker?: { readonly Host?: unknown; readonly SkipTLSVerify?: unknown } };
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // absent or broken: the docker CLI goes on without it, too
    return undefined;
  }
}
