import { join, resolve } from 'node:path';
import { hashOf } from '../../kit/hash.ts';
import { forget, recall, remember, stampOf } from '../../kit/remembered.ts';
import type { Command } from './compose.ts';
import { configFolder } from './engine/find.ts';
import type { Api, CreationRequest } from './engine/types.ts';
import { composeLabels } from './labels.ts';

/* What Compose has once created for a project is created again without Compose, as long as all that it was told is the same. */

/** What Compose asked the engine for, and in what case it would ask for the same again. */
interface Recording {
  /** Of all that Compose reads. */
  readonly inputs: string;
  readonly requests: readonly CreationRequest[];
}

export interface Recordings {
  /** Whether this command may be repeated: as far as one knows without having read the files and asked the engine. */
  has(command: Command): boolean;
  /**
   * Repeats what the command did when it was told the same. False where it has to be run: because there is no such
   * recording, or the engine did not take part of it; what that has made until then is as Compose would have made it.
   */
  repeat(api: Api, command: Command, inputs: unknown, how: RepeatHow): Promise<boolean>;
  keep(command: Command, inputs: unknown, requests: readonly CreationRequest[]): void;
}

export interface RepeatHow {
  readonly signal: AbortSignal;
  /** Told of each container at once, when it can be started. */
  onMade(request: CreationRequest, id: string): void;
}

/** Variables that tell Compose what to do. Those that the files ask for are filled in already in what else it is told. */
const steering = /^(?:COMPOSE|DOCKER)_/;

/** Of the socket at which a command is recorded. */
export function recordingPath(runDir: string): string {
  return join(resolve(runDir), 'compose.sock');
}

export function recordingsIn(stateDir: string, files: () => readonly string[]): Recordings {
  const file = join(stateDir, 'creation.json');
  const about = ({ argv, env }: Command): string => {
    const chosen = Object.entries(env).filter(([name]) => steering.test(name));
    // which has proxies for containers, among other things
    const ofDocker = join(configFolder(env), 'config.json');
    return hashOf([argv, chosen, [...files(), ofDocker].map(stampOf)]);
  };
  return {
    has: (command) => recall<Recording>(file, about(command)) !== undefined,
    async repeat(api, command, inputs, how) {
      const recording = recall<Recording>(file, about(command));
      if (recording?.inputs !== hashOf(inputs)) return false;
      const isMade = await makeAll(api, recording.requests, how).catch(() => undefined);
      how.signal.throwIfAborted();
      // the next time it is Compose again that says what is in its way, or goes round it
      if (isMade === undefined) forget(file);
      return isMade === true;
    },
    keep: (command, inputs, requests) => remember(file, about(command), { inputs: hashOf(inputs), requests }),
  };
}

/** False where images have changed: the networks are there then, which Compose would make the same. */
async function makeAll(
  api: Api,
  requests: readonly CreationRequest[],
  { signal, onMade }: RepeatHow,
): Promise<boolean> {
  const networks = requests.filter(({ path }) => path.includes('/networks/create'));
  const containers = requests.filter((one) => !networks.includes(one));
  const send = (one: CreationRequest): Promise<string> => api.repeat(one, { signal });
  const networked = allOf(networks.map(send));
  networked.catch(() => undefined); // told below
  if (!(await hasSameImages(api, containers, signal))) return networked.then(() => false);
  // an engine looks for the networks of a container when it starts it
  const told = containers.map(async (one) => {
    const id = await send(one);
    await networked;
    onMade(one, id);
  });
  await allOf([networked, ...told]);
  return true;
}

/** Fails when one has failed, but not before all have ended. */
async function allOf(work: readonly Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(work);
  await Promise.all(work);
}

/** Compose names in a label of each container the very image that its name meant. */
async function hasSameImages(api: Api, requests: readonly CreationRequest[], signal: AbortSignal): Promise<boolean> {
  const wanted = requests.flatMap(({ body: { Image: ref, Labels: labels } }) =>
    ref === undefined ? [] : { ref, id: labels?.[composeLabels.image] },
  );
  const same = await Promise.all(
    wanted.map(async ({ ref, id }) => (await api.inspectImage(ref, { signal }))?.id === id),
  );
  return same.every(Boolean);
}
