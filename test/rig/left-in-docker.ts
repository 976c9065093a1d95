import { run } from './compose.ts';

/** What the engine has of a project: by camp's label and by Compose's, for what only one of both marks. */
export async function leftInDocker(
  project: { readonly id: string; readonly compose: string },
  kinds: readonly ('container' | 'network' | 'volume')[] = ['container', 'network', 'volume'],
): Promise<readonly string[]> {
  const labels = [`dev.camp.project=${project.id}`, `com.docker.compose.project=${project.compose}`];
  const found = kinds.flatMap((kind) =>
    labels.map(async (label) => {
      const all = kind === 'container' ? ['--all'] : [];
      const format = kind === 'container' ? '{{.Names}}' : '{{.Name}}';
      const args = [kind, 'ls', ...all, '--filter', `label=${label}`, '--format', format];
      const { code, output } = await run('docker', args);
      if (code !== 0) throw new Error(`docker ${args.join(' ')} ended with ${code}: ${output}`);
      return output
        .split('\n')
        .filter(Boolean)
        .map((name) => `${kind} ${name}`);
    }),
  );
  return [...new Set((await Promise.all(found)).flat())];
}

/** Removes the images that Compose built for a project. */
export async function removeImages(compose: string): Promise<void> {
  const { output } = await run('docker', [
    'image',
    'ls',
    '--quiet',
    '--filter',
    `label=com.docker.compose.project=${compose}`,
  ]);
  const ids = [...new Set(output.split('\n').filter(Boolean))];
  if (ids.length > 0) await run('docker', ['image', 'rm', '--force', ...ids]);
}
