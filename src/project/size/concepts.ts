import type { Statement, TextKind } from './types.ts';

type Dictionary = Readonly<Record<string, string>>;

/*
 * The published dictionary (docs/metrics.md, "Configuration"): what has to be understood to read a word. Several words
 * that are one thing are one concept, also over languages; a word that is not here is a concept of its own.
 */
const caddyfile: Dictionary = {
  'reverse proxy': 'reverse_proxy to header_up header_down php_fastcgi forward_proxy transport http rewrite_upstream',
  'load balancing':
    'lb_policy lb_retries lb_retry_match lb_try_duration lb_try_interval max_fails fail_duration unhealthy_status unhealthy_latency unhealthy_request_count dynamic fallback',
  'health check':
    'health_uri health_port health_interval health_timeout health_status health_body health_headers health_method health_passes health_fails health_follow_redirects health_upstream',
  timeout:
    'timeouts read_timeout write_timeout dial_timeout response_header_timeout read_body read_header write idle keepalive keepalive_interval stream_timeout stream_close_delay flush_interval grace_period',
  route: 'handle handle_path route handle_response handle_errors',
  matcher:
    'path path_regexp method host header_regexp query not expression file protocol remote_ip client_ip vars vars_regexp matcher',
  'path rewrite': 'rewrite uri strip_prefix try_files method_rewrite',
  'response header': 'header defer request_header',
  redirect: 'redir',
  'static files': 'file_server root browse hide index precompressed status disable_canonical_uris',
  'static answer': 'respond body close abort error',
  compression: 'encode gzip zstd minimum_length match',
  TLS: 'tls protocols ciphers curves alpn client_auth trust_pool strict_sni_host tls_server_name tls_trust_pool tls_client_auth tls_insecure_skip_verify auto_https',
  certificate:
    'local_certs skip_install_trust acme_ca acme_dns acme_eab acme_ca_root cert_issuer cert_lifetime key_type on_demand on_demand_tls pki ca email ocsp_stapling',
  'who may come in': 'basic_auth basicauth forward_auth copy_headers',
  'trusted proxies': 'trusted_proxies trusted_proxies_strict client_ip_headers',
  listener: 'bind default_bind http_port https_port servers listener_wrappers',
  'admin interface': 'admin origins enforce_origin persist_config',
  logging: 'log output format level include exclude log_append log_skip log_name access_log roll_size roll_keep',
  'template reuse': 'import invoke',
  'order of directives': 'order',
};

const compose: Dictionary = {
  project: 'name version',
  service: 'services',
  image: 'image platform pull_policy',
  'image build':
    'build context dockerfile dockerfile_inline additional_contexts args target cache_from cache_to no_cache pull tags platforms ssh network entitlements provenance sbom',
  'published port': 'ports expose published host_ip protocol app_protocol',
  'environment variables': 'environment env_file label_file format',
  volume: 'volumes tmpfs type source subpath nocopy bind volume read_only external volumes_from create_host_path',
  'order of start': 'depends_on condition required',
  'health check': 'healthcheck test interval timeout retries start_period start_interval disable',
  replicas: 'deploy replicas scale mode',
  'limits of resources':
    'resources limits reservations cpus memory pids mem_limit mem_reservation memswap_limit cpu_shares cpu_quota cpu_period pids_limit ulimits soft hard shm_size',
  network:
    'networks aliases driver driver_opts ipam internal network_mode hostname extra_hosts dns dns_search links ipv4_address',
  restart: 'restart restart_policy',
  'end of a service': 'stop_signal stop_grace_period init',
  command: 'command entrypoint working_dir tty stdin_open',
  profile: 'profiles',
  'change while running': 'develop watch action path ignore include initial_sync exec',
  'template reuse': 'extends',
  'included file': 'include env_file_path project_directory',
  'configuration file': 'configs file content',
  secret: 'secrets',
  label: 'labels annotations',
  logging: 'logging options',
  'rights of a container': 'user privileged cap_add cap_drop security_opt userns_mode pid ipc devices group_add',
  'placement by camp': 'x-camp native run',
};

const dockerfile: Dictionary = {
  image: 'FROM',
  'image build': 'RUN COPY ADD WORKDIR ARG SHELL ONBUILD',
  'environment variables': 'ENV',
  'published port': 'EXPOSE',
  command: 'CMD ENTRYPOINT',
  'rights of a container': 'USER',
  'health check': 'HEALTHCHECK',
  volume: 'VOLUME',
  label: 'LABEL MAINTAINER',
  'end of a service': 'STOPSIGNAL',
};

const nginx: Dictionary = {
  'process model':
    'events worker_processes worker_connections daemon master_process pid worker_rlimit_nofile multi_accept',
  'HTTP server': 'http server server_name default_type include types',
  listener: 'listen http2 reuseport',
  'reverse proxy':
    'proxy_pass proxy_set_header proxy_http_version proxy_redirect proxy_buffering proxy_request_buffering proxy_buffers proxy_buffer_size proxy_pass_header proxy_hide_header proxy_cookie_path',
  'load balancing':
    'upstream least_conn ip_hash hash random zone keepalive keepalive_requests proxy_next_upstream proxy_next_upstream_tries proxy_next_upstream_timeout',
  timeout:
    'proxy_connect_timeout proxy_read_timeout proxy_send_timeout keepalive_timeout client_body_timeout client_header_timeout send_timeout',
  route: 'location internal error_page',
  matcher: 'if map geo set',
  'path rewrite': 'rewrite try_files',
  'response header': 'add_header expires',
  redirect: 'return',
  'static files': 'root index alias autoindex sendfile tcp_nopush tcp_nodelay',
  compression: 'gzip gzip_types gzip_min_length gzip_proxied gzip_vary gzip_comp_level gzip_static',
  TLS: 'ssl ssl_protocols ssl_ciphers ssl_prefer_server_ciphers ssl_session_cache ssl_session_timeout ssl_session_tickets ssl_ecdh_curve ssl_dhparam',
  certificate: 'ssl_certificate ssl_certificate_key ssl_trusted_certificate ssl_stapling ssl_stapling_verify',
  'who may come in': 'allow deny auth_basic auth_basic_user_file auth_request satisfy limit_except',
  'trusted proxies': 'set_real_ip_from real_ip_header real_ip_recursive',
  'rights of a process': 'user',
  'temporary files':
    'client_body_temp_path proxy_temp_path fastcgi_temp_path uwsgi_temp_path scgi_temp_path client_max_body_size',
  logging: 'access_log error_log log_format',
  'what is shown of the server': 'server_tokens',
  'loading of modules': 'load_module',
};

const apache: Dictionary = {
  'process model':
    'ServerRoot PidFile Mutex StartServers MaxRequestWorkers DefaultRuntimeDir ServerLimit ThreadsPerChild',
  'loading of modules': 'LoadModule IfModule',
  'HTTP server': 'VirtualHost ServerName ServerAlias ServerAdmin TypesConfig AddType Include IncludeOptional',
  listener: 'Listen Protocols',
  'reverse proxy':
    'ProxyPass ProxyPassReverse ProxyPassMatch ProxyPreserveHost ProxyAddHeaders RequestHeader ProxyRequests ProxyPassReverseCookiePath ProxyVia ProxyHTTPWebsocketUpgrade',
  'load balancing': 'Proxy BalancerMember ProxySet',
  timeout: 'Timeout ProxyTimeout KeepAlive KeepAliveTimeout',
  route: 'Location LocationMatch',
  matcher: 'If RewriteCond SetEnvIf',
  'path rewrite': 'RewriteEngine RewriteRule FallbackResource Alias',
  'response header': 'Header',
  redirect: 'Redirect RedirectPermanent RedirectMatch',
  'static files': 'DocumentRoot Directory DirectoryIndex Options AllowOverride Files',
  compression: 'AddOutputFilterByType SetOutputFilter DeflateCompressionLevel FilterDeclare FilterProvider FilterChain',
  TLS: 'SSLEngine SSLProtocol SSLCipherSuite SSLHonorCipherOrder SSLSessionCache SSLSessionTickets SSLRandomSeed',
  certificate: 'SSLCertificateFile SSLCertificateKeyFile SSLCertificateChainFile SSLUseStapling',
  'who may come in': 'Require AuthType AuthName AuthUserFile Allow Deny Order',
  'trusted proxies': 'RemoteIPHeader RemoteIPInternalProxy RemoteIPTrustedProxy',
  'rights of a process': 'User Group',
  logging: 'ErrorLog CustomLog LogFormat LogLevel TransferLog',
  'what is shown of the server': 'ServerTokens ServerSignature TraceEnable',
};

const byKind: Readonly<Partial<Record<TextKind, ReadonlyMap<string, string>>>> = {
  caddyfile: byWord(caddyfile),
  compose: byWord(compose),
  dockerfile: byWord(dockerfile),
  nginx: byWord(nginx),
  apache: byWord(apache),
};

/** What has to be understood for a statement; undefined for a name that somebody chose. */
export function conceptOf(kind: TextKind, { word, parent, isName }: Statement): string | undefined {
  if (isName) return undefined;
  // names of headers are no words of Caddy
  if (kind === 'caddyfile' && parent === 'header') return 'response header';
  return byKind[kind]?.get(keyOf(kind, word)) ?? word;
}

/** Whether the dictionary has it. */
export function isKnownWord(kind: TextKind, word: string): boolean {
  return byKind[kind]?.has(keyOf(kind, word)) ?? false;
}

/** Where a file has to be understood though it has no directives. */
export function conceptOfKind(kind: TextKind): string | undefined {
  return kind === 'env' ? 'environment variables' : undefined;
}

function byWord(dictionary: Dictionary): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(dictionary).flatMap(([concept, words]) =>
      words.split(' ').map((word) => [word.toLowerCase(), concept] as const),
    ),
  );
}

/** Apache and Docker do not tell upper from lower case. */
function keyOf(kind: TextKind, word: string): string {
  return kind === 'apache' || kind === 'dockerfile' ? word.toLowerCase() : word;
}
