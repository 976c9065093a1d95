// What the page says, without the page: values in, words out.

/** Cents as money. */
export const money = (cents) => `${(cents / 100).toFixed(2)} €`;

/** Four sums that must agree at any time that nothing is under way. */
export function books(orders, inventory, payments, notifications) {
  const { pending, confirmed, cancelled } = orders.totals;
  const sum = (key) => inventory.products.reduce((total, product) => total + product[key], 0);
  const stock = sum('available') + sum('reserved') + sum('sold');
  const { charged, refunded } = payments.totals;
  const isQuiet = pending.orders === 0;
  const mark = (isRight) => (isRight ? '✓' : isQuiet ? '✗' : '…');
  return {
    orders: `${confirmed.orders} confirmed, ${cancelled.orders} cancelled, ${pending.orders} pending`,
    stock: `${sum('available')} available + ${sum('reserved')} reserved + ${sum('sold')} sold = ${sum('initial')} ${mark(stock === sum('initial'))}`,
    money: `${money(charged)} charged − ${money(refunded)} refunded = ${money(confirmed.amount)} confirmed ${mark(charged - refunded === confirmed.amount)}`,
    messages: `${notifications.totals.sent} sent for ${confirmed.orders + cancelled.orders} orders ${mark(notifications.totals.sent === confirmed.orders + cancelled.orders)}`,
  };
}

/** An order as each service sees it; a service that did not answer is `undefined`. */
export function steps(order, inventory, payments, notifications) {
  const status = order?.status ?? 'pending';
  const reservation = inventory?.reservations[0];
  const payment = payments?.payments[0];
  const message = notifications?.notifications[0];
  const isHeld = reservation?.status === 'reserved';
  return {
    status,
    // Without an answer nothing is known to be over.
    isSettled: status !== 'pending' && inventory !== undefined && payments !== undefined && !isHeld && message !== undefined,
    said: {
      orders: step(order, status, order?.reason),
      inventory: step(inventory, reservation?.status, reservation?.reason),
      payments: step(payments, payment?.status, payment?.reason),
      notifications: step(notifications, message ? 'sent' : undefined, message?.text),
    },
  };
}

function step(answer, word, more) {
  if (answer === undefined) return { text: 'no answer', state: 'waiting' };
  if (word === undefined) return { text: '–', state: 'waiting' };
  const state = /^(declined|rejected|cancelled)$/.test(word) ? 'problem' : /^(pending|reserved)$/.test(word) ? 'waiting' : 'ok';
  return { text: more ? `${word}: ${more}` : word, state };
}
