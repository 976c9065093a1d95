/** One link of a chain: asks the next one, whose address is NEXT_URL, and has a route that asks nobody. */
import { config, createService } from '../../../templates/kit/src/index.ts';

const app = createService('link');
app.route('GET', '/work', async (call) => ({ body: { next: await call.get(`${config('NEXT_URL')}/work`) } }));
app.route('GET', '/own', () => ({ body: {} }));
await app.start();
