import { describe, expect, it } from 'vitest';
import { readDockerfile } from './dockerfile.ts';

const read = (lines: readonly string[], args: Record<string, string> = {}, target?: string) =>
  readDockerfile(lines.join('\n'), args, target);

describe('readDockerfile', () => {
  it.each([
    ['the last stage only', ['FROM node AS build', 'EXPOSE 1', 'FROM nginx', 'EXPOSE 5000/tcp'], [5000]],
    ['what a stage below exposes', ['FROM node AS base', 'EXPOSE 3000', 'FROM base', 'CMD ["node"]'], [3000]],
    ['several, in their order, without udp', ['FROM a', 'EXPOSE 53/udp 8080 9229'], [8080, 9229]],
    ['an argument with a default', ['FROM a', 'ARG PORT=4000', 'EXPOSE ${PORT}'], [4000]],
    ['an argument declared before FROM', ['ARG P=4001', 'FROM a', 'ARG P', 'EXPOSE $P'], [4001]],
    ['a variable', ['FROM a', 'ENV PORT=4002 X="y z"', 'EXPOSE $PORT'], [4002]],
    ['an old variable', ['FROM a', 'ENV PORT 4003', 'EXPOSE ${PORT:-80}'], [4003]],
    ['a default of its own', ['FROM a', 'EXPOSE ${PORT:-4004}'], [4004]],
    ['continued lines with comments between', ['FROM a', 'EXPOSE \\', '# why', '  80 \\', '  81'], [80, 81]],
    ['nothing of a here-document', ['FROM a', 'RUN <<EOF', 'EXPOSE 1', 'EOF', 'EXPOSE 2'], [2]],
    ['lower case', ['from a', 'expose 99'], [99]],
    ['CRLF', ['FROM a\r', 'EXPOSE 98\r'], [98]],
    ['no port at all', ['FROM a', 'EXPOSE $NOTHING http 0 70000'], []],
  ] as const)('exposes %s', (_, lines, ports) => {
    expect(read(lines)?.exposed).toEqual(ports);
  });

  it('lets build arguments win over defaults', () => {
    expect(read(['FROM a', 'ARG PORT=1', 'EXPOSE $PORT'], { PORT: '7' })?.exposed).toEqual([7]);
  });

  it('reads the stage that is built', () => {
    const lines = ['FROM a AS dev', 'EXPOSE 1', 'FROM b AS prod', 'EXPOSE 2'];
    expect(read(lines, {}, 'dev')).toMatchObject({ base: 'a', exposed: [1] });
    expect(read(lines, {}, '1')).toMatchObject({ base: 'b', exposed: [2] });
  });

  it('follows stages down to the image that they stand on', () => {
    expect(read(['ARG V=17', 'FROM --platform=linux/amd64 postgres:${V} AS x', 'FROM x'])?.base).toBe('postgres:17');
  });

  it('reads commands and health checks in both forms', () => {
    expect(
      read([
        'FROM a',
        'ENTRYPOINT ["uvicorn", "a:b"]',
        'CMD ["--port", "9000"]',
        'HEALTHCHECK --interval=5s CMD curl -f localhost:9000/h',
      ]),
    ).toMatchObject({ command: ['uvicorn', 'a:b', '--port', '9000'], healthTest: 'curl -f localhost:9000/h' });
    expect(read(['FROM a', 'CMD gunicorn -b 0.0.0.0:81 x'])?.command).toEqual(['gunicorn', '-b', '0.0.0.0:81', 'x']);
  });

  it('has nothing to say of an empty file', () => {
    expect(read(['# nothing'])).toBeUndefined();
  });
});
