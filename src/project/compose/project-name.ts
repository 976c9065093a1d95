/** What Compose makes of any text that is to be a project's name (compose-go, NormalizeProjectName); may be empty. */
export function normaliseName(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '');
}
