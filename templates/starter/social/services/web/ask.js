// What the page asks the gateway, without the page.
import { pause, send } from './send.js';

/**
 * A 429 is waited for, once, and so is a 409: the same request is under way already. Every other problem is an error in its
 * own words.
 */
export async function ask(method, path, { body, headers = {} } = {}, isAgain = false) {
  const { response, body: answer } = await send(path, {
    method,
    headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  });
  if ((response.status === 409 || response.status === 429) && !isAgain) {
    await pause(1000 * Number(response.headers.get('retry-after') ?? 1));
    return ask(method, path, { body, headers }, true);
  }
  if (!response.ok) throw Object.assign(new Error(answer?.detail ?? `answered ${response.status}`), { status: response.status });
  return { body: answer ?? {}, requestId: response.headers.get('x-request-id') };
}
