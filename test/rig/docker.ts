import { connectEngine } from '../../src/runtime/docker/engine/connect.ts';
import type { Engine } from '../../src/runtime/docker/engine/types.ts';
import { requireImages } from './images.ts';

/** The engine of this machine for the suite `what`, when it has the images; otherwise as `requireImages` says. */
export async function engineForTests(what: string, images: readonly string[]): Promise<Engine | undefined> {
  if (requireImages(what, images) !== undefined) return undefined;
  return connectEngine(process.env, new AbortController().signal);
}
