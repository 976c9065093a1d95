/** Configuration comes from the environment and from nowhere else; an empty value counts as not set. */
function text(name: string, fallback?: string): string {
  const value = process.env[name] || fallback;
  if (value === undefined) throw new Error(`${name} is not set: add it to this service's environment in compose.yaml`);
  return value;
}

function number(name: string, fallback?: number): number {
  const value = Number(text(name, fallback?.toString()));
  if (!Number.isFinite(value)) throw new Error(`${name} must be a number, not "${process.env[name]}"`);
  return value;
}

function flag(name: string, fallback = false): boolean {
  return /^(1|true|yes|on)$/i.test(text(name, String(fallback)));
}

/** `config('STOCK_URL', 'http://stock:8080')`, `config.number('LIMIT', 10)`, `config.flag('DEMO')`. */
export const config = Object.assign(text, { text, number, flag });
