/** The kit of this project: what every one of its services does the same way. It is yours, as everything here. */
export { type App, createService } from './app.ts';
export { config } from './config.ts';
export { log } from './log.ts';
export { DependencyProblem, Problem, Terminal, Unavailable } from './problem.ts';
export type * from './types.ts';
