import { type Failure, failure } from '../../kit/failure.ts';
import type { CommandResult } from '../../kit/spawn.ts';

const evidenceLines = 20;

/** What a command of Compose that failed means, by its own words and those of the engine that it passes on. */
export function composeFailure(args: readonly string[], result: CommandResult): Failure {
  const words = wordsOf(result);
  const command = `docker compose ${args[0] ?? ''}`;
  return (
    engineFailure(words) ??
    pullFailure(words) ??
    containerFailure(words) ??
    failure('machine', 'COMPOSE_FAILED', `${command} ended with code ${result.exitCode}: ${lastWord(words)}`, {
      hints: ['camp doctor'],
      evidence: words.slice(-evidenceLines),
    })
  );
}

/** What the engine does not make, for a reason that stands in the file. */
function containerFailure(words: readonly string[]): Failure | undefined {
  const [, name, why] = words.map((line) => containerWords.exec(line)).find(Boolean) ?? [];
  if (name === undefined) return undefined;
  return failure('machine', 'COMPOSE_FAILED', `the container ${name} cannot be created: ${why}`, {
    hints: ['look at its service in compose.yaml', 'camp doctor'],
    evidence: words.slice(-evidenceLines),
  });
}

const containerWords = /^ ?Container (\S+) +Error response from daemon: (.+)$/;

/** An image that is here for another platform only, or went away: Compose asks a registry for it. */
function pullFailure(words: readonly string[]): Failure | undefined {
  const [, service, reason = ''] = words.map((line) => pullWords.exec(line)).find(Boolean) ?? [];
  if (service === undefined) return undefined;
  const message = `the image of ${service} is not here for the platform that it is to run on, nor to be had: ${reason}`;
  return failure('machine', 'IMAGE_MISSING', message, {
    hints: [`docker compose pull ${service}`],
    evidence: words.slice(-evidenceLines),
  });
}

const pullWords =
  /^ ?(?:Image )?(\S+) Error (.*(?:\/v2\/|manifest|pull access denied|no such host|specified platform|registry).*)$/i;

/** What the words of an engine mean, whoever has passed them on; undefined where they are none that camp knows. */
export function engineFailure(words: readonly string[]): Failure | undefined {
  const text = words.join('\n');
  const evidence = words.slice(-evidenceLines);
  if (/no space left on device|disk quota exceeded/i.test(text))
    return failure('machine', 'DISK_FULL', 'the disk of the Docker engine is full', {
      hints: ['docker system df', 'docker system prune'],
      evidence,
    });
  const gone = words.filter((line) => goneWords.test(line));
  if (gone.length > 0)
    return failure('machine', 'ENGINE_UNREACHABLE', 'the Docker engine has gone away', {
      hints: ['docker info', 'camp doctor'],
      evidence: gone.slice(-evidenceLines),
    });
  const mount = mountWords.exec(text);
  if (mount)
    return failure('machine', 'MOUNT_FAILED', `the engine cannot mount what a service asks for: ${mount[0].trim()}`, {
      hints: ['look at the volumes of the service in compose.yaml'],
      evidence,
    });
  const name = /container name "\/?([^"]+)" is already in use by container "?([0-9a-f]{12})/i.exec(text);
  if (name)
    return failure('machine', 'NAME_TAKEN', `the container name ${name[1]} is taken by another container`, {
      hints: [`docker rm -f ${name[2]}`, 'another container_name in compose.yaml'],
      evidence,
    });
  const external =
    /(network|volume) "?([^\s"]+)"? declared as external, but could not be found|external (volume|network) "([^"]+)" not found/i.exec(
      text,
    );
  if (external) {
    const [kind, what] = [external[1] ?? external[3] ?? 'network', external[2] ?? external[4] ?? ''];
    const message = `the ${kind} ${what} is declared as external and is not there`;
    return failure('machine', 'EXTERNAL_MISSING', message, { hints: [`docker ${kind} create ${what}`], evidence });
  }
  // only a range that the file asks for can overlap
  if (/pool overlaps with other one/i.test(text)) {
    const network = /failed to create network (\S+?):? /i.exec(text)?.[1] ?? 'a network';
    return failure('machine', 'NO_FREE_NETWORK', `another network has addresses that ${network} asks for`, {
      hints: [`another subnet of ${network} in compose.yaml`, 'docker network prune'],
      evidence,
    });
  }
  if (/address pools have been fully subnetted|could not find an available, non-overlapping/i.test(text))
    return failure('machine', 'NO_FREE_NETWORK', 'the Docker engine has no address range left for another network', {
      hints: ['docker network prune'],
      evidence,
    });
  return undefined;
}

const goneWords = /cannot connect to the docker daemon|error during connect|connection reset by peer|\bEOF$/i;
const mountWords =
  /mounts denied[^\n]*|bind source path does not exist[^\n]*|error mounting[^\n]*|error while mounting volume[^\n]*|invalid mount config[^\n]*/i;

/** What Compose wrote, without its progress. */
export function wordsOf({ stdout, stderr }: Pick<CommandResult, 'stdout' | 'stderr'>): readonly string[] {
  return `${stdout}\n${stderr}`
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '' && !/^ ?(Container|Network|Volume) \S+ +\w+$/.test(line));
}

function lastWord(words: readonly string[]): string {
  return (words.at(-1) ?? 'it said nothing').replace(/^Error response from daemon: /, '');
}
