import { spawnSync } from 'node:child_process';

/**
 * Compose as a program of its own, which is what the docker CLI starts, without the start of that; undefined where it is
 * not installed. `config` needs no engine.
 */
export const composeCommand: string | undefined = find();

function find(): string | undefined {
  const plugins = '{{range .ClientInfo.Plugins}}{{if eq .Name "compose"}}{{.Path}}{{end}}{{end}}';
  const { stdout } = spawnSync('docker', ['info', '--format', plugins], { encoding: 'utf8' });
  const path = stdout?.trim() || 'docker-compose';
  return spawnSync(path, ['version']).status === 0 ? path : undefined;
}
