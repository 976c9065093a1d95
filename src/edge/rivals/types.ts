import type { Port } from '../../project/types.ts';

/** The site of a project in no server's words: read from the adapted Caddyfile, written down again for each server. */
export interface Site {
  readonly hosts: readonly Host[];
  /** What would make another site of it if it were left out: with any of these nothing is rendered. */
  readonly refused: readonly string[];
  /** What is left out, and answers the same requests without: a log, a second encoding. */
  readonly omitted: readonly string[];
}

export interface Host {
  /** `shop.localhost`, `*.shop.localhost`; none where every host is meant. */
  readonly names: readonly string[];
  readonly isTls: boolean;
  /** Plain HTTP leads to HTTPS. */
  readonly isRedirected: boolean;
  /** The first that matches answers, and is the most specific one that does. */
  readonly rules: readonly Rule[];
}

export interface Rule {
  readonly pattern: Pattern;
  /** Cut off the path before it is passed on or looked up; empty for nothing. */
  readonly strip: string;
  readonly headers: readonly HeaderChange[];
  readonly isCompressed: boolean;
  readonly action: Action;
}

/** `/api/*` is the prefix `/api/`; everything is the prefix `/`. */
export interface Pattern {
  readonly kind: 'exact' | 'prefix';
  readonly path: string;
}

export interface HeaderChange {
  readonly how: 'set' | 'add' | 'delete';
  readonly name: string;
  readonly value: Text;
}

/** A text with what is only known when a request comes. */
export type Text = readonly (string | { readonly value: RequestValue })[];
export const requestValues = ['host', 'host-and-port', 'path-and-query', 'path', 'scheme', 'client'] as const;
export type RequestValue = (typeof requestValues)[number];

export type Action =
  | {
      readonly kind: 'proxy';
      readonly upstreams: Upstreams;
      /** What the upstream gets besides, or does not. */
      readonly requestHeaders: readonly HeaderChange[];
      /** Nothing is held back on the way to the visitor: `flush_interval -1`. */
      readonly isUnbuffered: boolean;
    }
  | {
      readonly kind: 'files';
      readonly root: string;
      readonly isListed: boolean;
      /** Names that begin with a dot are not there. */
      readonly hasHidden: boolean;
      /** Answers for what is not there: `/index.html`. */
      readonly fallback?: string;
    }
  | { readonly kind: 'redirect'; readonly to: Text; readonly status: number }
  | { readonly kind: 'respond'; readonly body: string; readonly status: number };

export interface Upstreams {
  /** Of the services, for a server that names its groups. */
  readonly name: string;
  /** `127.0.0.1:4001` */
  readonly addresses: readonly string[];
  readonly policy?: string;
}

/** Where a server is to listen and what it shows: everything that is not the site itself. */
export interface Deployment {
  readonly https: Port;
  readonly http: Port;
  readonly certificate: string;
  readonly key: string;
}

/** A server's own configuration for the site, or why there is none. */
export type Rendered =
  | { readonly text: string; readonly omitted: readonly string[] }
  | { readonly refused: readonly string[] };
