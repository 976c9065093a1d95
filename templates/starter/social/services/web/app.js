import { ask } from './ask.js';

const $ = (id) => document.getElementById(id);
const every = 1500;

let people = [];
let me;
let timer;
let drawn = '';

function say(text, isProblem = false) {
  $('message').textContent = text;
  $('message').dataset.state = isProblem ? 'problem' : 'ok';
}

/** Does it, and says what went wrong, if anything did. */
async function attempt(work) {
  try {
    await work();
  } catch (error) {
    say(error.name === 'TimeoutError' ? 'no answer in time' : error.message, true);
    if (error.status === 401) show(undefined);
  }
}

const count = (number, of) => `${number} ${of}${number === 1 ? '' : 's'}`;
const nameOf = (user) => people.find((person) => person.user === user)?.name ?? user;

function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** Shows the page of whoever is signed in, or the form to sign in. */
function show(person) {
  me = person;
  drawn = '';
  clearTimeout(timer);
  $('sign-in').hidden = Boolean(person);
  $('me').hidden = !person;
  $('signed-in').hidden = !person;
  $('me-text').textContent = person ? person.name : '';
  $('way').hidden = true;
  if (person) void refresh();
}

async function refresh() {
  clearTimeout(timer);
  const who = me;
  await attempt(async () => {
    const { body } = await ask('GET', '/api/home');
    if (who !== me) return;
    if (body.missing.length > 0) say(body.missing.join(' · '), true);
    else if ($('message').dataset.state === 'problem') say('');
    draw(body);
  });
  clearTimeout(timer);
  if (me && !document.hidden) timer = setTimeout(refresh, every);
}

/** Touches the page only where something is new, so that nothing jumps and no screen reader repeats itself. */
function draw({ profile, timeline }) {
  const now = JSON.stringify([profile, timeline?.posts]);
  if (timeline) $('cache').textContent = `from the cache: ${timeline.cache}`;
  if (now === drawn) return;
  drawn = now;
  if (profile) {
    $('me-text').textContent = `${profile.name} · ${count(profile.posts, 'post')} · ${count(profile.followers.length, 'follower')}`;
    drawPeople(profile.following);
  }
  if (timeline) {
    $('timeline').replaceChildren(...timeline.posts.map(postItem));
    $('timeline').setAttribute('aria-busy', 'false');
    $('empty').hidden = timeline.posts.length > 0;
  }
}

/** The buttons stay the same elements: whoever has the focus keeps it. */
function drawPeople(following) {
  const list = $('people');
  const others = people.filter((person) => person.user !== me.user);
  if (list.dataset.of !== me.user) {
    list.replaceChildren(...others.map(personItem));
    list.dataset.of = me.user;
  }
  for (const button of list.querySelectorAll('button')) {
    const follows = following.includes(button.dataset.user);
    button.setAttribute('aria-pressed', String(follows));
    button.textContent = follows ? 'Following' : 'Follow';
  }
}

function personItem({ user, name }) {
  const item = element('li', '');
  const button = element('button', 'Follow', { type: 'button', 'data-user': user, 'aria-pressed': 'false', 'aria-label': `Follow ${name}` });
  button.addEventListener('click', () =>
    attempt(async () => {
      const follows = button.getAttribute('aria-pressed') === 'true';
      await ask(follows ? 'DELETE' : 'POST', `/api/follows/${user}`);
      say(follows ? `You do not follow ${name} any more` : `You follow ${name}`);
      await refresh();
    }),
  );
  item.append(element('span', name), button);
  return item;
}

function postItem(post) {
  const item = element('li', '', { 'data-post': post.id });
  const time = new Date(post.createdAt);
  const head = element('p', '', { class: 'soft' });
  head.append(element('b', nameOf(post.author)), ' · ', element('time', time.toLocaleTimeString(), { datetime: time.toISOString() }));
  item.append(head, element('p', post.text));
  return item;
}

$('sign-in').addEventListener('submit', (event) => {
  event.preventDefault();
  void attempt(async () => {
    const { body } = await ask('POST', '/api/session', { body: { user: $('user').value } });
    say('');
    show(body);
  });
});

$('sign-out').addEventListener('click', () =>
  attempt(async () => {
    await ask('DELETE', '/api/session');
    say('');
    show(undefined);
  }),
);

/** One key a text: pressing twice, or again after an error, makes one post. */
let pending = { text: '', key: '' };

$('write').addEventListener('submit', (event) => {
  event.preventDefault();
  void attempt(async () => {
    const text = $('text').value;
    if (pending.text !== text) pending = { text, key: crypto.randomUUID() };
    const { requestId } = await ask('POST', '/api/posts', { body: { text }, headers: { 'idempotency-key': pending.key } });
    pending = { text: '', key: '' };
    $('write').reset();
    countLeft();
    say('Posted');
    if (requestId) $('command').textContent = `camp logs --request ${requestId}`;
    $('way').hidden = !requestId;
    await refresh();
  });
});

function countLeft() {
  $('left').textContent = `${280 - $('text').value.length} left`;
}

$('text').addEventListener('input', countLeft);
document.addEventListener('visibilitychange', () => me && !document.hidden && void refresh());

await attempt(async () => {
  people = (await ask('GET', '/api/people')).body.people;
  $('user').replaceChildren(...people.map(({ user, name }) => element('option', name, { value: user })));
  const { body } = await ask('GET', '/api/session');
  if (body.user) show(body);
});
