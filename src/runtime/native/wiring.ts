import type { Service } from '../../project/types.ts';

/** Where a service is reached on this machine: `127.0.0.1:4173`. */
export type Addresses = ReadonlyMap<string, string>;

/**
 * The variables that tell a service where the services it depends on are (DESIGN section 2): `<NAME>_URL`
 * for each, unless `environment:` sets that variable itself.
 */
export function wiringOf(service: Service, addresses: Addresses): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of service.dependsOn.keys()) {
    const address = addresses.get(name);
    if (address) env[`${variableName(name)}_URL`] = `http://${address}`;
  }
  for (const [name, value] of Object.entries(service.env)) env[name] = rewrite(value, addresses);
  return env;
}

/** `order-items` becomes `ORDER_ITEMS`. */
export function variableName(service: string): string {
  return service.toUpperCase().replace(/[^A-Z0-9]+/g, '_');
}

/**
 * A value that points at another service by its Compose name is rewritten to where that service listens here:
 * `http://orders:8080/x` and `orders:8080` become `http://127.0.0.1:4173/x` and `127.0.0.1:4173`.
 */
export function rewrite(value: string, addresses: Addresses): string {
  let result = value;
  for (const [name, address] of addresses) {
    if (!result.includes(name)) continue;
    const escaped = name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    result = result.replace(new RegExp(`(^|[/@,=\\s])${escaped}:\\d+(?=$|[/,?#\\s])`, 'g'), `$1${address}`);
    result = result.replace(new RegExp(`(://(?:[^/@\\s]*@)?)${escaped}(?=$|[/?#\\s,])`, 'g'), `$1${address}`);
  }
  return result;
}
