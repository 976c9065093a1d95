import { spawn } from 'node:child_process';

/** Opens a URL that camp made in the person's browser, without a shell; false when there is nothing to open it with. */
export function openUrl(url: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const program = process.platform === 'darwin' ? 'open' : env['WSL_DISTRO_NAME'] ? 'wslview' : 'xdg-open';
  if (process.platform === 'linux' && !env['WSL_DISTRO_NAME'] && !env['DISPLAY'] && !env['WAYLAND_DISPLAY'])
    return Promise.resolve(false);
  return new Promise((resolve) => {
    const child = spawn(program, [url], { stdio: 'ignore', detached: true });
    child.once('error', () => resolve(false));
    child.once('spawn', () => {
      child.unref();
      resolve(true);
    });
  });
}
