/** What others may know of inventory: what can be asked of it, and its words in events. Nothing in here runs. */

export interface Item {
  readonly sku: string;
  readonly quantity: number;
}

export interface Product {
  readonly sku: string;
  readonly name: string;
  /** In cents. */
  readonly price: number;
}

/** Asked in this process; over HTTP once inventory is a service of its own. Who asks does not see the difference. */
export interface Catalogue {
  products(): Promise<readonly Product[]>;
}

/** What it obeys. Each is answered by one of its events, with the same sagaId. */
export interface Commands {
  'inventory.reserve': { readonly sagaId: string; readonly items: readonly Item[] };
  'inventory.release': { readonly sagaId: string; readonly items: readonly Item[] };
}

export interface Events {
  'inventory.reserved': { readonly sagaId: string };
  'inventory.rejected': { readonly sagaId: string; readonly reason: string };
  'inventory.released': { readonly sagaId: string };
}
