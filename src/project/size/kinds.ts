import { basename, extname } from 'node:path';
import type { TextKind } from './types.ts';

/** The language of a file by its name, and by the place in a container that it is meant for. */
export function kindOf(path: string, target = ''): TextKind {
  const name = basename(path).toLowerCase();
  const extension = extname(name);
  if (name.endsWith('ignore')) return 'other';
  if (/(?:^|\.)caddyfile(?:\.|$)/.test(name) || extension === '.caddy') return 'caddyfile';
  if (/(?:^|\.)(?:dockerfile|containerfile)(?:\.|$)/.test(name)) return 'dockerfile';
  if (/^\.env(?:\.|$)|\.env$/.test(name)) return 'env';
  if (extension === '.yaml' || extension === '.yml' || extension === '.json') return 'yaml';
  if (extension === '.sh') return 'shell';
  if (/nginx/i.test(name + target) && extension !== '.html') return 'nginx';
  if (/httpd|apache/i.test(name + target)) return 'apache';
  return 'other';
}

/** The language of a file whose name does not tell, by its words. */
export function kindOfText(kind: TextKind, path: string, text: string): TextKind {
  if (kind !== 'other' || !/\.conf$|\.template$/i.test(path)) return kind;
  if (/^[ \t]*(?:(?:server|http)[ \t]*\{|(?:upstream|location) [^{}\n]+\{)/m.test(text)) return 'nginx';
  return /^[ \t]*(?:<VirtualHost\b|LoadModule\b|ProxyPass\b)/m.test(text) ? 'apache' : kind;
}

/** Places in a container where configuration lies. */
export function isConfigurationTarget(target: string): boolean {
  return /^\/(?:usr\/local\/|opt\/[^/]+\/)?etc(?:\/|$)|\/conf(?:ig)?(?:\.d)?(?:\/|$)|\.(?:conf|cfg|cnf|ini)$/.test(
    target,
  );
}

/** Whether a file that is given to a container is its configuration, not its program, its data or its keys. */
export function isConfiguration(path: string, target: string): boolean {
  const name = basename(path);
  if (isManifest(name) || (basename(target) === basename(path) && isManifest(basename(target)))) return false;
  if (
    /\.(?:pem|crt|cer|key|p12|pfx|jks|so|gz|zip|tar|sock|log|db|sqlite3?|png|jpe?g|gif|ico|webp|woff2?|pid)$/i.test(
      name,
    )
  )
    return false;
  const isProgram = /\.(?:[mc]?[jt]sx?|py|go|rs|rb|php|java|sql|html?|css|svg|md|txt|csv)$/i.test(name);
  return !isProgram || isConfigurationTarget(target);
}

/** What a language's own tools read belongs to the program. */
function isManifest(name: string): boolean {
  return /^(?:package(?:-lock)?\.json|npm-shrinkwrap\.json|[jt]sconfig.*\.json|biome\.jsonc?|go\.(?:mod|sum)|pyproject\.toml|requirements.*\.txt|Cargo\.(?:toml|lock)|deno\.jsonc?|yarn\.lock|pnpm-lock\.yaml|Gemfile(?:\.lock)?|composer\.(?:json|lock)|passwd|group|hosts|localtime|timezone)$/.test(
    name,
  );
}

/** Names under which configuration lies in the folder of a service. */
export function isConfigurationName(name: string): boolean {
  return (
    /^(?:procfile|caddyfile|.+\.caddyfile)$/i.test(name) ||
    /^(?:nginx|httpd|apache2?|haproxy|traefik|envoy|varnish|supervisord|redis|valkey|nats(?:-server)?|postgresql|my|mongod?|rabbitmq|prometheus)\.(?:conf|cfg|cnf|ini|ya?ml|toml|json)$/i.test(
      name,
    )
  );
}
