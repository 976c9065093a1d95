import { build } from './app.ts';

await build().start();
