/** What a DNS label may be (RFC 1035 2.3.1, digits first by RFC 1123): lower case, at most 63 characters. */
const dnsLabel = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

export function isDnsLabel(name: string): boolean {
  return dnsLabel.test(name);
}

/** The nearest DNS label to any text; `fallback` where nothing of it can be kept. */
export function toDnsLabel(text: string, fallback: string): string {
  const label = text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(0, 63)
    .replace(/-+$/, '');
  return label === '' ? fallback : label;
}

/** A host name of one or more DNS labels, at most 253 characters. */
export function isHostName(name: string): boolean {
  return name.length <= 253 && name.split('.').every(isDnsLabel);
}
