import type { Statement, TextKind } from './types.ts';

/** One entry of the list of security decisions: whoever writes this has decided how safe the site is. */
interface Decision {
  /** The directive, key or instruction. */
  readonly word: RegExp;
  /** Only with this behind it. */
  readonly rest?: RegExp;
  /** Only in such a statement. */
  readonly parent?: RegExp;
  /** Names and entries of lists instead of words of the language. */
  readonly isName?: true;
  readonly why: string;
}

const safetyHeader =
  /^\W*(?:Strict-Transport-Security|Content-Security-Policy|X-Frame-Options|X-Content-Type-Options|Referrer-Policy|Permissions-Policy|Cross-Origin-|Access-Control-|Set-Cookie|Server\b|X-Powered-By)/i;
const trustedHeader = /(?:^|\s)\W*(?:X-Forwarded-|X-Real-IP|Forwarded\b|Host\b|True-Client-IP|Authorization)/i;
const toHttps = /https:\/\/|\b(?:301|302|307|308)\s+\W*https/i;
const secret = /PASSW(?:OR)?D|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIAL|_AUTH_|AUTH$/i;

const caddyfile: readonly Decision[] = [
  { word: /^tls$/, why: 'which certificate, and how TLS is spoken' },
  {
    word: /^(?:auto_https|local_certs|skip_install_trust|ocsp_stapling)$/,
    why: 'where HTTPS is on, who vouches for it',
  },
  {
    word: /^(?:acme_\w+|cert_issuer|cert_lifetime|key_type|on_demand(?:_tls)?|ca|ca_root|eab|dns)$/,
    why: 'certificates',
  },
  { word: /^(?:protocols|ciphers|curves|alpn)$/, why: 'versions of TLS, ciphers' },
  { word: /^(?:client_auth|trust_pool|trusted_ca_cert\w*|trusted_leaf_cert\w*)$/, why: 'which callers are let in' },
  { word: /^tls_\w+$/, why: 'trust in upstreams' },
  { word: /^(?:pki|root|intermediate)$/, parent: /^(?:pki|ca)$/, why: 'the own certificate authority' },
  { word: /^admin$/, why: 'who may steer the server' },
  { word: /^(?:bind|default_bind)$/, why: 'who can reach the site' },
  { word: /^(?:basic_?auth|forward_auth|strict_sni_host)$/, why: 'access' },
  { word: /^(?:remote_ip|client_ip)$/, why: 'access by address' },
  { word: /^(?:trusted_proxies\w*|client_ip_headers|copy_headers)$/, why: 'which headers are believed' },
  { word: /^header_up$/, rest: trustedHeader, why: 'which headers are believed' },
  {
    word: /^header$/,
    rest: /^(?:[@/*]\S*\s+)?\W*(?:Strict|Content-Security|X-Frame|X-Content-Type|Referrer|Permissions|Cross-Origin|Access-Control|Set-Cookie|Server\b)/i,
    why: 'what browsers are told to refuse',
  },
  { word: safetyHeader, parent: /^header$/, why: 'what browsers are told to refuse' },
  { word: /^redir$/, rest: toHttps, why: 'the redirect to HTTPS' },
  { word: /^(?:hide|browse)$/, why: 'which files are shown' },
];

const nginx: readonly Decision[] = [
  { word: /^(?:ssl|ssl_\w+)$/, why: 'certificates, versions of TLS, ciphers' },
  { word: /^listen$/, rest: /\b(?:ssl|quic)\b/, why: 'where TLS is on' },
  { word: /^(?:proxy|grpc|uwsgi)_ssl_\w+$/, why: 'trust in upstreams' },
  { word: /^return$/, rest: toHttps, why: 'the redirect to HTTPS' },
  { word: /^rewrite$/, rest: toHttps, why: 'the redirect to HTTPS' },
  { word: /^(?:proxy|grpc)_set_header$/, rest: trustedHeader, why: 'which headers are believed' },
  { word: /^(?:set_real_ip_from|real_ip_header|real_ip_recursive)$/, why: 'which headers are believed' },
  {
    word: /^(?:add_header|proxy_hide_header|more_set_headers)$/,
    rest: safetyHeader,
    why: 'what browsers are told to refuse',
  },
  { word: /^(?:allow|deny|satisfy|limit_except|auth_\w+|internal|valid_referers|secure_link\w*)$/, why: 'access' },
  { word: /^(?:server_tokens|autoindex|disable_symlinks)$/, why: 'what is shown' },
  { word: /^(?:stub_status|status|api)$/, why: 'who may look at the server' },
  { word: /^user$/, why: 'the user that it runs as' },
];

const apache: readonly Decision[] = [
  { word: /^SSL\w+$/i, why: 'certificates, versions of TLS, ciphers' },
  { word: /^MD\w+$/i, why: 'certificates' },
  { word: /^(?:Redirect\w*|RewriteRule)$/i, rest: /https:/i, why: 'the redirect to HTTPS' },
  { word: /^RequestHeader$/i, rest: trustedHeader, why: 'which headers are believed' },
  { word: /^(?:RemoteIP\w+|ProxyAddHeaders|ProxyPreserveHost)$/i, why: 'which headers are believed' },
  {
    word: /^Header$/i,
    rest: /Strict-Transport|Content-Security|X-Frame|X-Content-Type|Referrer-Policy|Permissions-Policy|Cross-Origin|Access-Control/i,
    why: 'what browsers are told to refuse',
  },
  { word: /^(?:Require|Allow|Deny|Order|Satisfy|Auth\w+|AllowOverride|Options|ProxyRequests)$/i, why: 'access' },
  { word: /^(?:ServerTokens|ServerSignature|TraceEnable|ExtendedStatus)$/i, why: 'what is shown' },
  { word: /^(?:User|Group|SuexecUserGroup)$/i, why: 'the user that it runs as' },
];

const compose: readonly Decision[] = [
  { word: /^ports$/, isName: true, why: 'who can reach the service: each port that is published' },
  {
    word: /^(?:privileged|read_only|userns_mode|credential_spec|use_api_socket|group_add)$/,
    why: 'what a container may do',
  },
  {
    word: /^(?:cap_add|cap_drop|security_opt|devices|device_cgroup_rules)$/,
    isName: true,
    why: 'what a container may do: each entry',
  },
  { word: /^user$/, why: 'the user that it runs as' },
  { word: /^(?:network_mode|pid|ipc|uts|cgroup)$/, why: 'what a container shares with its host' },
  { word: /^internal$/, why: 'which networks lead outside' },
  { word: /^secrets$/, isName: true, why: 'who gets which secret' },
  {
    word: /^volumes$/,
    isName: true,
    rest: /docker\.sock|^["']?\/(?:etc|var|root|proc|sys)?(?:\/|:|$)/,
    why: 'which part of the machine a container gets',
  },
  { word: secret, parent: /^(?:environment|args|labels)$/, isName: true, why: 'a credential: who may sign in' },
  {
    word: /^(?:environment|args)$/,
    isName: true,
    rest: new RegExp(`^["']?\\w*(?:${secret.source})`, 'i'),
    why: 'a credential: who may sign in',
  },
  {
    word: /^(?:labels)$/,
    isName: true,
    rest: /tls|auth|middlewares|ipallowlist|ipwhitelist/i,
    why: 'a decision of a proxy that reads labels',
  },
  {
    word: /tls|auth|ipallowlist|ipwhitelist/i,
    parent: /^labels$/,
    isName: true,
    why: 'a decision of a proxy that reads labels',
  },
];

const dockerfile: readonly Decision[] = [
  { word: /^USER$/, why: 'the user that it runs as' },
  { word: /^(?:ENV|ARG)$/, rest: secret, why: 'a credential in the image' },
  {
    word: /^RUN$/,
    rest: /--security=|--mount=type=(?:secret|ssh)|\b(?:setcap|chmod|useradd|adduser)\b/,
    why: 'rights and secrets in a build',
  },
  { word: /^(?:ADD|RUN)$/, rest: /--checksum=|\b(?:sha\d+sum|gpg)\b/, why: 'whether what is fetched is verified' },
];

const shell: readonly Decision[] = [
  {
    word: /(?:^|\/)(?:openssl|certbot|mkcert|step|htpasswd|setcap|chmod|chown|useradd|adduser|usermod|iptables|nft|ufw|firewall-cmd|update-ca-certificates|a2enmod)$/,
    why: 'certificates, rights, access',
  },
];

const env: readonly Decision[] = [{ word: secret, isName: true, why: 'a credential: who may sign in' }];

/** The published list (docs/metrics.md, "Configuration"): what counts as a decision about security, and why. */
const decisions: Readonly<Record<TextKind, readonly Decision[]>> = {
  caddyfile,
  nginx,
  apache,
  compose,
  dockerfile,
  shell,
  env,
  yaml: [],
  other: [],
};

/** Whether a statement decides something about security: TLS, certificates, redirects, trust in headers, access, the user. */
export function isDecision(kind: TextKind, { word, rest, parent, isName }: Statement): boolean {
  return decisions[kind].some(
    (each) =>
      (each.isName ?? false) === (isName ?? false) &&
      each.word.test(word) &&
      (each.rest?.test(rest) ?? true) &&
      (each.parent?.test(parent ?? '') ?? true),
  );
}
