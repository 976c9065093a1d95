import type { Host, Rule, Site } from '../../../edge/rivals/types.ts';

/** The site with one service more, below a path of its own: what `camp add service` would make of it. */
export function withService(site: Site): Site {
  const [first, ...rest] = site.hosts;
  if (!first) return site;
  const added: Rule = {
    pattern: { kind: 'prefix', path: '/one-more' },
    strip: '',
    headers: first.rules.at(-1)?.headers ?? [],
    isCompressed: first.rules.at(-1)?.isCompressed ?? false,
    action: {
      kind: 'proxy',
      upstreams: { name: 'one-more', addresses: ['127.0.0.1:9'] },
      requestHeaders: [],
      isUnbuffered: false,
    },
  };
  const host: Host = { ...first, rules: [added, ...first.rules] };
  return { ...site, hosts: [host, ...rest] };
}

/** The site with one replica more of the first service that it leads to; undefined where it leads to none. */
export function withReplica(site: Site): Site | undefined {
  let address: string | undefined;
  const hosts = site.hosts.map((host) => ({
    ...host,
    rules: host.rules.map((rule): Rule => {
      if (rule.action.kind !== 'proxy') return rule;
      const { upstreams } = rule.action;
      address ??= upstreams.addresses[0];
      if (address === undefined || !upstreams.addresses.includes(address)) return rule;
      return {
        ...rule,
        action: { ...rule.action, upstreams: { ...upstreams, addresses: [...upstreams.addresses, '127.0.0.1:9'] } },
      };
    }),
  }));
  return address === undefined ? undefined : { ...site, hosts };
}
