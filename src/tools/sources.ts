import { aptSource } from './apt.ts';
import { brewSource } from './brew.ts';
import { knownTools, wantedMajor } from './known.ts';
import { npmPostgresSource } from './npm-postgres.ts';
import { releaseSource } from './release.ts';
import { caddyRelease, natsRelease } from './releases.ts';
import type { Source } from './source.ts';
import type { ToolName, Wish } from './types.ts';

/** The ways to get a tool, in the order of trying. */
export function sourcesOf(name: ToolName, wish: Wish): readonly Source[] {
  switch (name) {
    case 'caddy':
      return [releaseSource(caddyRelease), aptAlone(name, 'caddy', 'usr/bin/caddy'), brewSource('caddy')];
    case 'nats':
      return [
        releaseSource(natsRelease),
        aptAlone(name, 'nats-server', 'usr/sbin/nats-server'),
        brewSource('nats-server'),
      ];
    case 'redis':
      return [aptRedis()];
    case 'postgres': {
      const major = wantedMajor(name, wish) ?? 0;
      return [npmPostgresSource(major), aptPostgres(major)];
    }
    case 'psql':
      return [aptPsql()];
    case 'rabbitmq': // needs Erlang and its own user: whoever wants it installs it
      return [];
  }
}

/** A program that needs no library but libc. */
function aptAlone(tool: ToolName, name: string, program: string): Source {
  return aptSource({ tool, name, program, minimum: knownTools[tool].minimum, isAlone: true });
}

/** Debian's redis-server is a link to a program in redis-tools. */
function aptRedis(): Source {
  return aptSource({
    tool: 'redis',
    name: 'redis-server',
    program: 'usr/bin/redis-server',
    minimum: knownTools.redis.minimum,
    isAlone: false,
    isNeeded: (name) => name === 'redis-tools',
  });
}

/** The client of the version that the distribution has, whose name is in the path. */
function aptPsql(): Source {
  return aptSource({
    tool: 'psql',
    name: 'postgresql-client',
    program: 'usr/lib/postgresql/*/bin/psql',
    minimum: knownTools.psql.minimum,
    isAlone: false,
    leadsTo: /^postgresql-client-\d+$/,
  });
}

function aptPostgres(major: number): Source {
  return aptSource({
    tool: 'postgres',
    name: `postgresql-${major}`,
    program: `usr/lib/postgresql/${major}/bin/postgres`,
    minimum: `${major}.0`,
    isAlone: false,
    isNeeded: (name) => name === `postgresql-client-${major}`,
    // without the compiler that the rest of it would load
    unused: ['llvmjit.so', 'llvmjit_types.bc', 'bitcode'].map((name) => `usr/lib/postgresql/${major}/lib/${name}`),
  });
}
