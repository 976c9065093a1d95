import packageJson from '../../package.json' with { type: 'json' };

/** Camp's own version. */
export const version: string = packageJson.version;

/** The name under which it is installed. */
export const packageName: string = packageJson.name;
