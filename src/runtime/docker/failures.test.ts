import { describe, expect, it } from 'vitest';
import type { CampError, Failure, Source } from '../../kit/failure.ts';
import { buildFailure, buildImages } from './build.ts';
import type { ComposeCli } from './compose.ts';
import { composeFailure } from './compose-failures.ts';
import { refused } from './engine/failures.ts';
import type { ContainerSummary } from './engine/types.ts';
import { cannotStart, startFailure } from './failures.ts';
import { inLevels } from './leftovers.ts';

const brief = ({ code, fault }: { code: string; fault: string }): string => `${code} ${fault}`;

describe('why the engine does not start a container', () => {
  it.each([
    [
      'driver failed programming external connectivity on endpoint x-1 (0a): Bind for 127.0.0.1:8443 failed: port is already allocated',
      'PORT_IN_USE machine',
    ],
    [
      'failed to set up container networking: driver failed: failed to bind host port for 127.0.0.1:5432:172.18.0.2:5432/tcp: address already in use',
      'PORT_IN_USE machine',
    ],
    [
      'failed to set up container networking: driver failed: failed to listen on TCP socket: address already in use',
      'PORT_IN_USE machine',
    ],
    [
      'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "/no/such": stat /no/such: no such file or directory: unknown',
      'SPAWN_FAILED service',
    ],
    [
      'OCI runtime create failed: runc create failed: unable to start container process: exec: "./run.sh": permission denied: unknown',
      'SPAWN_FAILED service',
    ],
    ['mkdir /var/lib/docker/overlay2/0a: no space left on device', 'DISK_FULL machine'],
    ['Mounts denied: \nThe path /Volumes/x is not shared from the host', 'MOUNT_FAILED machine'],
    [
      'OCI runtime create failed: error mounting "/p/nginx.conf" to rootfs at "/etc/nginx/nginx.conf": not a directory',
      'MOUNT_FAILED machine',
    ],
    ['could not select device driver "nvidia" with capabilities: [[gpu]]', 'START_REFUSED machine'],
  ])('%s', (words, expected) => {
    const failure = startFailure('api', [words]);
    expect(brief(failure)).toBe(expected);
    expect(failure.message).toContain('service "api"');
    expect(failure.evidence).toEqual([words]);
    expect(failure.hints.length).toBeGreaterThan(0);
  });

  it('names the port and the program', () => {
    expect(startFailure('api', ['Bind for 127.0.0.1:8443 failed: port is already allocated']).message).toContain(
      '8443',
    );
    expect(startFailure('api', ['exec: "gunicorn": executable file not found in $PATH: unknown']).message).toContain(
      'gunicorn',
    );
  });
});

describe('why Compose failed', () => {
  it.each([
    [
      'Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?',
      'ENGINE_UNREACHABLE machine',
    ],
    [
      'Error response from daemon: Conflict. The container name "/db" is already in use by container "0123456789abcdef0123".',
      'NAME_TAKEN machine',
    ],
    ['Error response from daemon: all predefined address pools have been fully subnetted', 'NO_FREE_NETWORK machine'],
    [
      'could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network',
      'NO_FREE_NETWORK machine',
    ],
    ['failed to copy: write /var/lib/docker/tmp/x: no space left on device', 'DISK_FULL machine'],
    ['network proxy declared as external, but could not be found', 'EXTERNAL_MISSING machine'],
    ['external volume "data" not found', 'EXTERNAL_MISSING machine'],
    ['something new', 'COMPOSE_FAILED machine'],
  ])('%s', (stderr, expected) => {
    const failure = composeFailure(['up'], {
      exitCode: 1,
      stdout: '',
      stderr: ` Network x  Creating\n${stderr}\n`,
      isTimedOut: false,
    });
    expect(brief(failure)).toBe(expected);
    expect(failure.evidence).toEqual([stderr]);
  });
});

describe('what is not there to be started', () => {
  it.each([
    [404, 'No such container: 0123456789ab'],
    [409, 'container is marked for removal and cannot be started'],
  ])('%i %s', (status, message) => {
    const [failure] = cannotStart('api', refused('start a container', { status, message })).failures;
    expect(failure && brief(failure)).toBe('CONTAINER_GONE machine');
  });
});

describe('why Compose has made no container', () => {
  it('is what the engine says of it', () => {
    const why = 'Cannot mkdir: /etc/passwd is not a directory';
    const stderr = ` Container shop-api-1  Error response from daemon: ${why}\nError response from daemon: ${why}\n`;
    const failure = composeFailure(['up'], { exitCode: 1, stdout: '', stderr, isTimedOut: false });
    expect(brief(failure)).toBe('COMPOSE_FAILED machine');
    expect(failure.message).toBe(`the container shop-api-1 cannot be created: ${why}`);
    expect(failure.hints[0]).toBe('look at its service in compose.yaml');
  });

  it('is a range of addresses that the file asks for and another network has', () => {
    const stderr =
      'failed to create network shop_back: Error response from daemon: invalid pool request: Pool overlaps with other one on this address space';
    const failure = composeFailure(['up'], { exitCode: 1, stdout: '', stderr, isTimedOut: false });
    expect(brief(failure)).toBe('NO_FREE_NETWORK machine');
    expect(failure.message).toBe('another network has addresses that shop_back asks for');
    expect(failure.hints[0]).toBe('another subnet of shop_back in compose.yaml');
  });

  it('is an image that is here for another platform only', () => {
    const stderr =
      ' a Pulling\n a Error Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry: no such host\n';
    const failure = composeFailure(['up'], { exitCode: 1, stdout: '', stderr, isTimedOut: false });
    expect(brief(failure)).toBe('IMAGE_MISSING machine');
    expect(failure.hints).toEqual(['docker compose pull a']);
  });
});

describe('why an image was not built', () => {
  const place = (file: string, line: number): string =>
    `${file}:${line}\n\n--------------------\n\n   ${line} | >>> RUN x\n\n--------------------\n`;

  it('is a command that failed: its last lines and its place are shown', () => {
    const stderr = [
      '#8 [api 2/3] RUN npm ci',
      ...Array.from({ length: 40 }, (_, at) => `#8 0.1 line ${at}`),
      '#8 ERROR: process "/bin/sh -c npm ci" did not complete successfully: exit code: 1',
      ' > [api 2/3] RUN npm ci:',
      place('Dockerfile', 3),
      'target api: failed to solve: process "/bin/sh -c npm ci" did not complete successfully: exit code: 1',
    ].join('\n');
    const failure = buildFailure(['web', 'api'], { stdout: '', stderr });
    expect(brief(failure)).toBe('BUILD_FAILED service');
    expect(failure.message).toContain('service "api" could not be built (Dockerfile:3)');
    expect(failure.evidence).toHaveLength(21);
    expect(failure.evidence?.slice(-3)).toEqual([
      '#8 0.1 line 39',
      '#8 ERROR: process "/bin/sh -c npm ci" did not complete successfully: exit code: 1',
      '   3 | >>> RUN x',
    ]);
  });

  it.each([
    ['dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)', 'DOCKERFILE_INVALID project'],
    ['failed to read dockerfile: open Dockerfile: no such file or directory', 'DOCKERFILE_INVALID project'],
    [
      'no/such:9: failed to resolve source metadata for docker.io/no/such:9: dial tcp: lookup registry-1.docker.io: no such host',
      'IMAGE_MISSING machine',
    ],
    ['target stage "nosuch" could not be found', 'DOCKERFILE_INVALID project'],
    ['failed to compute cache key: "/src": not found', 'BUILD_FAILED service'],
  ])('%s', (reason, expected) => {
    const failure = buildFailure(['api'], {
      stdout: '',
      stderr: `${place('Dockerfile', 2)}failed to solve: ${reason}\n`,
    });
    expect(brief(failure)).toBe(expected);
    expect(failure.message).toContain('"api"');
  });

  it('is shown in the compose file where that asks for a stage that there is not', () => {
    const entry: Source = { file: 'compose.yaml', line: 3, col: 3, length: 3, text: '  api:' };
    const stderr = 'failed to solve: target stage "nosuch" could not be found\n';
    expect(buildFailure(['api'], { stdout: '', stderr }, () => ({ entry })).source).toEqual(entry);
  });

  /** Compose that says one of these for each build, and then nothing more. */
  const buildWith = (...said: readonly string[]): { builds: () => number; failure: Promise<Failure> } => {
    let builds = 0;
    const build: ComposeCli['build'] = async (_services, _more, { failures }) => {
      const stderr = said[builds++] ?? expect.fail('built too often');
      throw failures?.({ exitCode: 1, stdout: '', stderr, isTimedOut: false });
    };
    const built = buildImages(
      { build },
      ['api'],
      undefined,
      () => ({}),
      () => undefined,
      new AbortController().signal,
    );
    const failure = built.then(
      () => expect.fail('it was built'),
      (error: CampError) => error.failures[0] ?? expect.fail('without a failure'),
    );
    return { builds: () => builds, failure };
  };

  it('is asked for once more where Compose has lost it', async () => {
    const lost = 'failed to execute bake: exit status 1\n';
    const told = `${place('Dockerfile', 2)}failed to solve: no/such:9: failed to resolve source metadata for no/such:9\n`;
    const { builds, failure } = buildWith(lost, told);
    expect(brief(await failure)).toBe('IMAGE_MISSING machine');
    expect(builds()).toBe(2);
    expect((await buildWith(lost, lost).failure).message).toContain('exit status 1');
  });

  it.each([
    'failed to solve: process "/bin/sh" did not complete successfully: exit code: 1',
    'no space left on device',
    "The command '/bin/sh -c npm ci' returned a non-zero code: 1",
  ])('is not asked for again: %s', async (said) => {
    const { builds, failure } = buildWith(said);
    await failure;
    expect(builds()).toBe(1);
  });
});

describe('what is ended first', () => {
  const container = (service: string, needs: string, role = ''): ContainerSummary => ({
    id: service,
    name: service,
    image: '',
    imageId: '',
    labels: {
      'com.docker.compose.service': service,
      'com.docker.compose.depends_on': needs,
      'dev.camp.role': role,
    },
    status: 'running',
    ports: [],
    createdAt: '',
    networks: {},
  });
  const names = (...containers: readonly ContainerSummary[]): readonly (readonly string[])[] =>
    inLevels(containers).map((level) => level.map(({ id }) => id));

  it('is the edge, then dependents before what they depend on', () => {
    expect(
      names(
        container('db', ''),
        container('web', 'api:service_healthy:false'),
        container('api', 'db:service_healthy:false,cache:service_started:true'),
        container('cache', ''),
        container('edge', '', 'edge'),
      ),
    ).toEqual([['edge'], ['web'], ['api'], ['db', 'cache']]);
  });

  it('does not wait for a circle to open', () => {
    expect(names(container('a', 'b:x:y'), container('b', 'a:x:y'))).toEqual([['a', 'b']]);
  });
});
