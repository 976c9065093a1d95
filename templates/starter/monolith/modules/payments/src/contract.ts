/** What others may know of payments: its words in commands and events. Nothing in here runs. */

/** What it obeys. Each is answered by one of its events, with the same sagaId. Amounts are cents. */
export interface Commands {
  'payments.charge': { readonly sagaId: string; readonly card: string; readonly total: number };
  'payments.refund': { readonly sagaId: string };
}

export interface Events {
  'payments.charged': { readonly sagaId: string; readonly amount: number };
  'payments.declined': { readonly sagaId: string; readonly reason: string };
  'payments.refunded': { readonly sagaId: string };
}
