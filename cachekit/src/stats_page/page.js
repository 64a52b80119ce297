const main = document.getElementById('figures'), state = document.getElementById('state');
const here = location.pathname;
function make(tag, text, parent, attributes = {}) {
  const element = document.createElement(tag);
  if (text !== null) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (parent) parent.append(element);
  return element;
}
function seconds(time) { return time >= 1 ? time.toFixed(1) + ' s' : (time * 1000).toFixed(1) + ' ms'; }
function percent(ratio) { return ratio === null ? '–' : (ratio * 100).toFixed(1) + ' %'; }
function list(parent, figures) {
  const dl = make('dl', null, parent);
  for (const [name, value, bad] of figures) {
    const pair = make('div', null, dl, bad ? { class: 'bad' } : {});
    make('dt', name, pair);
    make('dd', bad ? value + ' (!)' : value, pair);
  }
}
function chart(parent, name, history) {
  const known = history.filter(ratio => ratio !== null);
  if (known.length < 2) return;
  const figure = make('figure', null, parent);
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  // As wide as the time that is known, but a minute at least.
  const width = Math.max(history.length, 12), time = width < 120 ? 'since ' + Math.ceil(width / 12) + ' min ago' : 'last ten minutes';
  svg.setAttribute('viewBox', '0 0 ' + (width - 1) + ' 100');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', 'hit ratio of ' + name + ', ' + time);
  let points = [];
  const flush = () => {
    if (points.length) {
      const line = document.createElementNS(space, 'polyline');
      if (points.length === 1) points.push(points[0].replace(/^[\d.]+/, x => +x - 0.5));
      line.setAttribute('points', points.join(' '));
      svg.append(line);
    }
    points = [];
  };
  history.forEach((ratio, index) => {
    if (ratio === null) flush();
    else points.push((width - history.length + index) + ',' + (98 - 96 * ratio));
  });
  flush();
  figure.append(svg);
  make('figcaption', 'hit ratio from 0 to 100 %, ' + time + ': lowest ' + percent(Math.min(...known)) + ', highest '
    + percent(Math.max(...known)) + ', now ' + percent(known[known.length - 1]), figure);
}
async function forget(query, label) {
  try {
    const answer = await fetch(here + '?' + query, { method: 'POST', headers: { 'x-cachekit': 'forget' } });
    const json = await answer.json();
    if (answer.ok) { show(json); state.textContent = 'forgotten: ' + label; } else state.textContent = json.error;
  } catch (error) { state.textContent = 'no answer: ' + error.message; }
}
function button(parent, label, what, query, question) {
  const attributes = { type: 'button', 'data-forget': query, 'aria-label': label + ': ' + what };
  make('button', label, parent, attributes).addEventListener('click', event => {
    const own = event.currentTarget;
    if (own.dataset.sure === 'yes') { forget(query, what); return; }
    own.dataset.sure = 'yes';
    own.textContent = question;
    own.setAttribute('aria-label', question + ' ' + what);
    setTimeout(() => { own.dataset.sure = ''; own.textContent = label; own.setAttribute('aria-label', label + ': ' + what); }, 4000);
  });
}
function tags(parent, cache, number) {
  const form = make('p', null, parent, { class: 'forget-tag' });
  make('label', 'Forget a tag', form, { for: 'tag-' + number });
  const field = make('input', null, form, { id: 'tag-' + number, list: 'tags-' + number, autocomplete: 'off', autocapitalize: 'off',
    spellcheck: 'false', placeholder: cache.tags[0] || 'tag', 'data-cache': cache.name });
  const list = make('datalist', null, form, { id: 'tags-' + number });
  for (const tag of cache.tags.filter(tag => !/[{(]/.test(tag))) make('option', null, list, { value: tag });
  const send = () => {
    const tag = field.value.trim();
    if (!tag) { state.textContent = 'write the tag first'; field.focus(); return; }
    field.value = '';
    forget('forget=tag&name=' + encodeURIComponent(tag) + '&cache=' + encodeURIComponent(cache.name), 'the tag ' + tag);
  };
  make('button', 'Forget it', form, { type: 'button', 'data-forget-tag': cache.name }).addEventListener('click', send);
  field.addEventListener('keydown', event => { if (event.key === 'Enter') send(); });
}
function servers(parent, all) {
  if (!all.length) return;
  const list = make('ul', null, parent, { class: 'servers' });
  for (const one of all) {
    const item = make('li', null, list, { 'data-server': one.server, 'data-breaker': one.breaker });
    make('code', one.server, item);
    item.append(' ' + one.doing + (one.failures ? ', failures in a row: ' + one.failures : '') + (one.breaker === 'closed' ? '' : ' (!)'));
  }
}
function show(figures) {
  const active = document.activeElement || {}, old = active.dataset ? active.dataset.forget : null, field = active.id;
  main.textContent = '';
  const caches = make('section', null, main);
  make('h2', 'Caches', caches);
  figures.caches.forEach((cache, number) => {
    const article = make('article', null, caches, { 'data-cache-name': cache.name });
    make('h3', cache.name, article);
    list(article, [['backend', cache.backend], ['entries', cache.entries === null ? 'elsewhere' : cache.entries],
      ['refused', cache.refused, cache.refused > 0], ['to be forgotten', cache.waiting, cache.waiting > 0]]);
    servers(article, cache.servers);
    if (figures.may_forget) {
      tags(article, cache, number);
      button(article, 'Forget all of this cache', cache.name, 'forget=cache&name=' + encodeURIComponent(cache.name), 'Really forget all of it?');
    }
  });
  if (figures.may_forget && figures.caches.length > 1) button(caches, 'Forget all caches', 'everything', 'forget=all', 'Really forget everything?');
  const functions = make('section', null, main);
  make('h2', 'Functions', functions);
  if (!figures.functions.length) make('p', 'None was called yet.', functions);
  for (const one of figures.functions) {
    const article = make('article', null, functions, { 'data-function': one.function });
    make('h3', one.function, article);
    const rare = [['renewed behind callers', one.refreshes], ['old values for errors', one.fallbacks, true],
      ['too late', one.timeouts, true], ['verified', one.verified], ['found wrong', one.mismatches, true]]
      .filter(figure => figure[1] > 0);
    if (one.ramp < 100) rare.push(['keys cached', one.ramp + ' %']);
    list(article, [['hit ratio', percent(one.hit_ratio)], ['hits', one.hits], ['misses', one.misses],
      ['shared', one.coalesced], ['bypasses', one.bypasses], ['time saved', seconds(one.saved_seconds)],
      ['time computing', seconds(one.compute_seconds)], ['entries', one.entries === null ? 'elsewhere' : one.entries],
      ['stored', one.stored], ['rejected', one.rejected], ['errors', one.errors, one.errors > 0]].concat(rare));
    if (one.tags.length || one.value_tags) {
      const line = make('p', 'tags: ', article, { class: 'tags' });
      one.tags.forEach((tag, index) => { if (index) line.append(', '); make('code', tag, line); });
      if (one.value_tags) line.append((one.tags.length ? ', ' : '') + 'by value');
    }
    chart(article, one.function, one.history);
    if (figures.may_forget && one.can_be_forgotten) button(article, 'Forget its values', one.function,
      'forget=function&name=' + encodeURIComponent(one.function), 'Really forget all its values?');
    else if (figures.may_forget) make('p', 'Its values are shared by key: forget them by key.', article, { class: 'note' });
  }
  if (old) { const again = [...document.querySelectorAll('button')].find(b => b.dataset.forget === old); if (again) again.focus(); }
  else if (field) { const again = document.getElementById(field); if (again) again.focus(); }
}
async function refresh() {
  const busy = document.querySelector('button[data-sure=yes]') || [...document.querySelectorAll('input')].some(field => field.value);
  if (document.hidden || busy) return;
  try {
    show(await (await fetch(here + '?format=json')).json());
    state.textContent = 'as of ' + new Date().toLocaleTimeString();
  } catch (error) { state.textContent = 'no answer since then: ' + error.message; }
}
show(first);
setInterval(refresh, 5000);
