/** `config('STOCK_URL', 'http://stock:8080')`: from the environment and from nowhere else; empty counts as not set. */
export function config(name: string, fallback?: string): string {
  const value = process.env[name] || fallback;
  if (value === undefined) throw new Error(`${name} is not set: add it to this service's environment in compose.yaml`);
  return value;
}

config.number = (name: string, fallback?: number): number => {
  const value = Number(config(name, fallback?.toString()));
  if (!Number.isFinite(value)) throw new Error(`${name} must be a number, not "${process.env[name]}"`);
  return value;
};
