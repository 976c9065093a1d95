// How the page sends a request, whatever it asks for.

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/**
 * The response, and its body where that is JSON; an error only where there is none. A browser gives up its requests when a
 * network of the machine comes or goes: Wi-Fi, a VPN, a container that starts. Whether they were taken nobody knows then, so
 * they are sent again just as they were. What is sent must bear that: a write is the same twice as once, or has an
 * Idempotency-Key.
 */
export async function send(path, options) {
  for (let ms = 250; ; ms *= 2) {
    try {
      const response = await fetch(path, options);
      const isJson = response.headers.get('content-type')?.includes('json');
      return { response, body: isJson ? await response.json() : undefined };
    } catch (error) {
      // the network's errors are TypeErrors; a time that is over is over
      if (error.name !== 'TypeError') throw error;
      if (ms > 4000) throw new Error('no connection', { cause: error });
    }
    await pause(ms);
  }
}
