// What every service says of an order is asked of that service itself: nothing here knows more than they do.
import { ask, place } from './ask.js';
import { pause } from './send.js';
import { books, money, steps } from './words.js';

const byId = (id) => document.getElementById(id);
const form = byId('buy');
const problem = byId('problem');

form.addEventListener('submit', (event) => {
  event.preventDefault();
  void buy(new FormData(form));
});

void keepFresh();

async function keepFresh() {
  for (;;) {
    if (!document.hidden) await refresh();
    await pause(4000);
  }
}

/** The catalogue and the books, as the services have them now. */
async function refresh() {
  try {
    const [orders, inventory, payments, notifications] = await Promise.all(
      ['orders?limit=1', 'inventory', 'payments', 'notifications'].map((path) => ask(path)),
    );
    showProducts(inventory.products);
    for (const [book, text] of Object.entries(books(orders, inventory, payments, notifications)))
      document.querySelector(`[data-book="${book}"]`).textContent = text;
  } catch (error) {
    byId('products').ariaBusy = 'true';
    if (byId('products').querySelector('p')) byId('products').querySelector('p').textContent = `no answer yet: ${error.message}`;
  }
}

function showProducts(products) {
  const list = byId('products');
  list.ariaBusy = 'false';
  list.querySelector('p')?.remove();
  for (const { sku, name, price, available } of products) {
    const known = list.querySelector(`[value="${CSS.escape(sku)}"]`)?.closest('.product');
    const item = known ?? byId('product').content.firstElementChild.cloneNode(true);
    const input = item.querySelector('input');
    input.value = sku;
    input.disabled = available === 0;
    item.querySelector('.name').textContent = name;
    item.querySelector('.price').textContent = money(price);
    item.querySelector('.stock').textContent = available === 0 ? 'sold out' : `${available} left`;
    if (known) continue;
    list.append(item);
    if (!list.querySelector('input:checked') && available > 0) input.checked = true;
  }
}

async function buy(data) {
  problem.hidden = true;
  const quantity = Number(data.get('quantity'));
  const sku = data.get('sku');
  const name = form.querySelector('input[name="sku"]:checked')?.closest('.product').querySelector('.name').textContent;
  form.querySelector('button').disabled = true;
  try {
    const { id, total } = await place({ items: [{ sku, quantity }], card: data.get('card') });
    void follow(id, `${quantity} × ${name}, ${money(total)}`);
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  } finally {
    form.querySelector('button').disabled = false;
  }
}

/** Shows an order until every service is done with it. */
async function follow(id, what) {
  byId('no-orders').hidden = true;
  const article = byId('order').content.firstElementChild.cloneNode(true);
  article.dataset.order = id;
  article.querySelector('.what').textContent = what;
  article.querySelector('.id').textContent = id;
  byId('orders').prepend(article);
  for (let ms = 250, isSettled = false; !isSettled; ms = Math.min(ms * 1.3, 3000)) {
    await pause(ms);
    isSettled = await look(article, id);
  }
  await refresh();
}

async function look(article, id) {
  const asked = [`orders/${id}`, `inventory?order=${id}`, `payments?order=${id}`, `notifications?order=${id}`];
  const answers = await Promise.all(asked.map((path) => ask(path).catch(() => undefined)));
  const { status, isSettled, said } = steps(...answers);
  article.dataset.status = status;
  article.querySelector('.status').textContent = status;
  for (const [step, { text, state }] of Object.entries(said)) {
    const item = article.querySelector(`[data-step="${step}"]`);
    item.dataset.state = state;
    if (item.lastElementChild.textContent !== text) item.lastElementChild.textContent = text;
  }
  article.dataset.settled = String(isSettled);
  return isSettled;
}
