import { generatedIn } from '../generated.ts';
import type { ConfigurationFile, Project } from '../types.ts';
import type { SourceFile } from './files.ts';
import { sizeOfText, type TextSize } from './size-of-text.ts';

/** A file with its size, and whose it is. */
export interface Counted {
  readonly file: SourceFile;
  readonly size: TextSize;
  readonly origin: ConfigurationFile['origin'];
}

/** One edit by a person makes the whole file hand-written. */
export function countFiles({ dir }: Project, files: readonly SourceFile[]): readonly Counted[] {
  const isGenerated = generatedIn(dir);
  return files.map((file) => ({
    file,
    size: sizeOfText(file.kind, file.text),
    origin: isGenerated(file.name, file.text) ? 'generated' : 'hand-written',
  }));
}
