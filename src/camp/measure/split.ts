import { Agent, request } from 'node:http';
import { measureConfiguration } from '../../project/size/measure.ts';
import { figureOf } from '../../stopwatch/statistics.ts';
import type { Figure, SplitCost } from '../../stopwatch/types.ts';
import { readProject } from '../look.ts';
import { ps } from '../ps.ts';
import { addedName } from './add-service.ts';
import type { Bench } from './bench.ts';
import { splitCost } from './what-if.ts';

const calls = 200;

/**
 * What the service that was just added costs, against the project without it. A call within one process takes no time that could
 * be measured, so a call over the network costs what it takes: to the replica itself, over a connection that is kept.
 */
export async function costOfAdded(bench: Bench): Promise<SplitCost> {
  const before = measureConfiguration(bench.project);
  const { project } = readProject({ dir: bench.dir, env: bench.env });
  const after = measureConfiguration(project);
  const { services } = await ps({ dir: bench.dir, env: bench.env });
  const memory = services.find(({ name }) => name === addedName)?.memoryBytes;
  const address = (await bench.endpoints()).find(({ service }) => service === addedName)?.address;
  return splitCost({
    of: 'a service',
    hops: 1,
    lines: after.total.lines - before.total.lines,
    parts: { before: before.movingParts.length, after: after.movingParts.length },
    callMs: address === undefined ? null : await callsTo(`http://${address}/livez`),
    memory: memory ? figureOf([memory]) : null,
  });
}

/** Of many calls one after another, without the first, which makes the connection. */
async function callsTo(url: string): Promise<Figure> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const values: number[] = [];
  try {
    for (let n = 0; n <= calls; n++) {
      const began = performance.now();
      await call(url, agent);
      if (n > 0) values.push(Math.round((performance.now() - began) * 1000) / 1000);
    }
  } finally {
    agent.destroy();
  }
  return figureOf(values);
}

function call(url: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    request(url, { agent }, (response) => {
      response.resume();
      response.once('end', resolve);
    })
      .once('error', reject)
      .end();
  });
}
