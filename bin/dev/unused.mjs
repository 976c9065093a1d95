// Stands in for what the bundle does not contain (see build.mjs): harmless to import, of no use to call.
const none = () => undefined;
export default Object.assign(() => none, { enable: none, disable: none, enabled: () => false });
export const isWsl = false;
export const supportsColor = () => false;
export const glob = none;
export const minimatch = () => false;
export const lilconfig = none;
export const powerShellPath = none;
