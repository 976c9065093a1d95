import type { ConfigurationReport, Project } from '../types.ts';
import { sumOfSizes } from './size-of-text.ts';

/** The size of a project's configuration, as its files lie on the disk now. Reads the disk only. */
export function measureConfiguration(_project: Project): ConfigurationReport {
  const none = sumOfSizes([]);
  return {
    files: [],
    handWritten: none,
    generated: none,
    total: none,
    steps: [],
    movingParts: [],
    services: [],
    securityDecisions: [],
    concepts: [],
  };
}
