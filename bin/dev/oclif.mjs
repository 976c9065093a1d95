// The parts of oclif that camp uses, in the place of its index, which imports all the others.
export * as Args from '../../node_modules/@oclif/core/lib/args.js';
export { Command } from '../../node_modules/@oclif/core/lib/command.js';
export { Config } from '../../node_modules/@oclif/core/lib/config/config.js';
export { Plugin } from '../../node_modules/@oclif/core/lib/config/plugin.js';
export * as Flags from '../../node_modules/@oclif/core/lib/flags.js';
export { Help } from '../../node_modules/@oclif/core/lib/help/index.js';
