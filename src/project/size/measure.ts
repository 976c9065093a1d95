import type { ConfigurationFile, ConfigurationReport, Project } from '../types.ts';
import { type Counted, countFiles } from './counted.ts';
import { configurationFiles } from './files.ts';
import { linesOfServices } from './of-service.ts';
import { sumOfSizes } from './size-of-text.ts';
import { movingPartsOf, stepsOf } from './steps.ts';
import type { TextKind } from './types.ts';

/**
 * The size of a project's configuration, as its files lie on the disk now (docs/metrics.md, "Configuration"). Reads the
 * disk only, and never throws: a file that cannot be read is not counted.
 */
export function measureConfiguration(project: Project): ConfigurationReport {
  const counted = countFiles(project, configurationFiles(project));
  const files = counted.map(configurationFile);
  const sizeOf = (origin?: ConfigurationFile['origin']) =>
    sumOfSizes(counted.filter((each) => origin === undefined || each.origin === origin).map(({ size }) => size));
  return {
    files,
    handWritten: sizeOf('hand-written'),
    generated: sizeOf('generated'),
    total: sizeOf(),
    steps: stepsOf(project, files),
    movingParts: movingPartsOf(project),
    services: linesOfServices(
      project,
      counted.map(({ file }) => file),
    ),
    securityDecisions: counted.flatMap(({ file, size }) =>
      size.decisions.map((each) => ({ file: file.name, ...each })),
    ),
    concepts: [...new Set(counted.flatMap(({ size }) => [...size.concepts]))].sort(),
  };
}

function configurationFile({ file, size, origin }: Counted): ConfigurationFile {
  return {
    path: file.name,
    kind: kinds[file.kind] ?? 'other',
    origin,
    lines: size.lines,
    statements: size.statements,
    directives: size.directives.size,
    securityDecisions: size.decisions.length,
    concepts: size.concepts.size,
  };
}

const kinds: Readonly<Partial<Record<TextKind, ConfigurationFile['kind']>>> = {
  caddyfile: 'Caddyfile',
  compose: 'compose',
  dockerfile: 'Dockerfile',
  env: 'env',
};
