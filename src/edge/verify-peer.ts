import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

/**
 * Why a server's certificate is not to be trusted for a host, by one root and no other; undefined when it is fine.
 *
 * Node verifies by itself, of course, but before it takes a single CA it parses all its bundled roots (some 140,
 * 18 ms), which every `camp up` would pay for. The checks are those of RFC 5280, section 6, for a chain of a leaf,
 * one intermediate and the root, as Caddy's local CA makes them: signatures, issuers, validity, the intermediate's
 * right to sign, and the host's name.
 */
export function refusalOf(
  socket: TLSSocket,
  host: string,
  root: X509Certificate,
  now = Date.now(),
): string | undefined {
  const leaf = socket.getPeerX509Certificate();
  if (!leaf) return 'the server shows no certificate';
  return refusalOfChain(leaf, leaf.issuerCertificate, host, root, now);
}

/** The same for the certificates themselves. */
export function refusalOfChain(
  leaf: X509Certificate,
  intermediate: X509Certificate | undefined,
  host: string,
  root: X509Certificate,
  now: number,
): string | undefined {
  if (!intermediate) return 'the server does not show who signed its certificate';
  for (const [certificate, issuer] of [
    [leaf, intermediate],
    [intermediate, root],
  ] as const)
    if (!certificate.checkIssued(issuer) || !issuer.ca || !certificate.verify(issuer.publicKey))
      return `the certificate is not signed by the local CA (${certificate.issuer})`;
  for (const certificate of [leaf, intermediate, root])
    if (now < certificate.validFromDate.getTime() || now > certificate.validToDate.getTime())
      return `a certificate is not valid now, but from ${certificate.validFrom} to ${certificate.validTo}`;
  return leaf.checkHost(host) === undefined
    ? `the certificate is not for ${host} (${leaf.subjectAltName ?? 'no name'})`
    : undefined;
}
