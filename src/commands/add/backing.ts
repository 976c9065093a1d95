import { Args, type Command, Flags } from '@oclif/core';
import { addBackingTo, type BackingKind } from '../../camp/scaffold.ts';
import { renderChanges } from '../../report/changes.ts';

import { CampCommand } from '../base.ts';
import { reportOf } from '../changes.ts';

/** oclif sees only a class's own words, so every command below says them again. */
const backingArgs = { name: Args.string({ description: 'its name, which is also a host name' }) };

/** What the commands for databases and brokers share. */
abstract class AddBacking extends CampCommand {
  static override args = backingArgs;
  static override flags = {
    for: Flags.string({
      description: 'services that use it, with commas between: each gets its address and waits for it',
      helpValue: 'SERVICE',
      multiple: true,
      multipleNonGreedy: true,
      delimiter: ',',
    }),
    yes: Flags.boolean({ char: 'y', description: 'ask nothing' }),
    'dry-run': Flags.boolean({ char: 'n', description: 'show what would be written' }),
  };

  protected abstract readonly kind: BackingKind;

  async run(): Promise<void> {
    const { args, flags } = await this.parse(AddBacking as unknown as Command.Class & typeof AddBacking);
    const written = await addBackingTo(
      {
        dir: this.project.dir,
        env: process.env,
        kind: this.kind,
        users: flags.for ?? [],
        ...(args.name === undefined ? {} : { name: args.name }),
      },
      flags['dry-run'],
    );
    const report = reportOf(written, written.next);
    const isThere = written.changes.length === 0;
    const head = `${this.kind} is ${isThere ? 'in' : 'added to'} ${written.project}${isThere ? ' already' : ''}`;
    this.answer(report, renderChanges(report, head, this.style));
  }
}

const description =
  'Adds its lines to compose.yaml, a generated password to .env where it has one, and the lines of the services that use it; everything else stays as it is. One that is there is wired to another service by the same command.';

export class AddPostgres extends AddBacking {
  static override summary = 'add a Postgres database; it belongs to one service';
  static override description = description;
  static override args = backingArgs;
  static override examples = ['<%= config.bin %> add postgres --for orders', '<%= config.bin %> add postgres reports'];
  protected readonly kind = 'postgres';
}

export class AddRedis extends AddBacking {
  static override summary = 'add a Redis that keeps what it has acknowledged';
  static override description = description;
  static override args = backingArgs;
  static override examples = ['<%= config.bin %> add redis --for web,api', '<%= config.bin %> add redis sessions'];
  protected readonly kind = 'redis';
}

export class AddNats extends AddBacking {
  static override summary = 'add a NATS broker with JetStream';
  static override description = description;
  static override args = backingArgs;
  static override examples = [
    '<%= config.bin %> add nats --for orders,payments',
    '<%= config.bin %> add nats --dry-run',
  ];
  protected readonly kind = 'nats';
}

export class AddRabbitmq extends AddBacking {
  static override summary = 'add a RabbitMQ broker';
  static override description = description;
  static override args = backingArgs;
  static override examples = ['<%= config.bin %> add rabbitmq --for orders', '<%= config.bin %> add rabbitmq jobs'];
  protected readonly kind = 'rabbitmq';
}

export class AddKafka extends AddBacking {
  static override summary = 'add a single Kafka node; runs in a container';
  static override description = description;
  static override args = backingArgs;
  static override examples = ['<%= config.bin %> add kafka --for orders', '<%= config.bin %> add kafka --dry-run'];
  protected readonly kind = 'kafka';
}
