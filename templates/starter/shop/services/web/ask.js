// What the page asks the services, without the page.
import { pause, send } from './send.js';

export async function ask(path) {
  const { response, body } = await send(`/api/${path}`, { signal: AbortSignal.timeout(5000) });
  if (!response.ok) throw new Error(`${path.replace(/\W.*/, '')} answered ${response.status}`);
  return body;
}

/** Tried again under the same key when nobody knows whether it was taken: it is one order however often it is sent. */
export async function place(order) {
  const headers = { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() };
  for (let attempt = 1; ; attempt++) {
    const { response, body } = await send('/api/orders', { method: 'POST', headers, body: JSON.stringify(order) });
    if (response.ok) return body;
    const isWorthIt = response.status === 409 || response.status === 429 || response.status >= 500;
    if (!isWorthIt || attempt === 5) throw new Error(body?.detail ?? 'orders does not answer');
    await pause(Number(response.headers.get('retry-after') ?? attempt) * 1000);
  }
}
