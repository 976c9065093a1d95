import type { Broker } from './broker.ts';
import { openMemory } from './memory.ts';
export const openNats = (_url: string, _service: string): Broker => openMemory(async () => {});
