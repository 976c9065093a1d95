import type { Ms } from '../../kit/events.ts';
import { listeners } from '../../kit/ports.ts';
import type { Replica } from './replica.ts';

const betweenLooksMs: Ms = 1000;

/** Looks again and again whether replicas that serve still listen, and tells them; returns how to end it. */
export function watchPorts(replicas: () => Iterable<Replica>): () => void {
  const timer = setInterval(() => look([...replicas()]), betweenLooksMs);
  timer.unref();
  return () => clearInterval(timer);
}

function look(replicas: readonly Replica[]): void {
  const serving = replicas.filter(
    ({ address, state }) => address && (state.at === 'ready' || state.at === 'unhealthy'),
  );
  if (serving.length === 0 || process.platform !== 'linux') return;
  const open = new Set(listeners().map((one) => one.port));
  for (const replica of serving) {
    if (open.has(replica.address?.port ?? 0)) replica.reportOpen();
    else replica.reportClosed();
  }
}
