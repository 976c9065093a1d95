/** Names that Caddy's standard build knows, for "did you mean"; never used to reject anything. */
export const directives: readonly string[] = words(`
  abort acme_server basic_auth bind encode error file_server forward_auth fs handle handle_errors handle_path header
  import intercept invoke log log_append log_name log_skip map method metrics php_fastcgi push redir request_body
  request_header respond reverse_proxy rewrite root route skip_log templates tls tracing try_files uri vars`);

export const globalOptions: readonly string[] = words(`
  acme_ca acme_ca_root acme_dns acme_eab admin auto_https cert_issuer cert_lifetime debug default_bind default_sni
  dns ech email events fallback_sni filesystem grace_period http_port https_port import key_type local_certs log
  metrics ocsp_interval ocsp_stapling on_demand_tls order persist_config pki preferred_chains renew_interval servers
  shutdown_delay skip_install_trust storage storage_check storage_clean_interval tls_resolvers`);

export const subdirectives: readonly string[] = words(`
  to dynamic lb_policy lb_retries lb_try_duration lb_try_interval lb_retry_match health_uri health_upstream health_port
  health_interval health_passes health_fails health_timeout health_method health_status health_body health_headers
  health_follow_redirects fail_duration max_fails unhealthy_status unhealthy_latency unhealthy_request_count
  flush_interval request_buffers response_buffers stream_timeout stream_close_delay trusted_proxies header_up
  header_down method rewrite transport handle_response replace_status copy_response copy_response_headers
  browse disable_canonical_uris etag_file_extensions hide index pass_thru precompressed root status
  output format level hostnames no_hostname sampling
  protocols ciphers curves alpn load ca ca_root key_type dns resolvers eab on_demand client_auth issuer
  get_certificate insecure_secrets_log reuse_private_keys renewal_window_ratio
  gzip zstd br minimum_length match uri copy_headers`);

export const matchers: readonly string[] = words(`
  client_ip expression file header header_regexp host method not path path_regexp protocol query remote_ip vars vars_regexp`);

export const policies: readonly string[] = words(`
  random random_choose first round_robin weighted_round_robin least_conn ip_hash client_ip_hash uri_hash query header cookie`);

function words(text: string): string[] {
  return text.trim().split(/\s+/);
}
