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
  svg.setAttribute('viewBox', '0 0 119 100');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', 'hit ratio of ' + name + ' in the last ten minutes');
  let points = [];
  const flush = () => {
    if (points.length) {
      const line = document.createElementNS(space, 'polyline');
      if (points.length === 1) points.push(points[0].replace(/^[\d.]+/, x => +x + 0.5));
      line.setAttribute('points', points.join(' '));
      svg.append(line);
    }
    points = [];
  };
  history.forEach((ratio, index) => {
    if (ratio === null) flush();
    else points.push((120 - history.length + index) + ',' + (98 - 96 * ratio));
  });
  flush();
  figure.append(svg);
  make('figcaption', 'hit ratio, last ten minutes: lowest ' + percent(Math.min(...known)) + ', highest '
    + percent(Math.max(...known)) + ', now ' + percent(known[known.length - 1]), figure);
}
function button(parent, label, query, question) {
  make('button', label, parent, { type: 'button', 'data-forget': query }).addEventListener('click', async event => {
    const own = event.currentTarget;
    if (own.dataset.sure !== 'yes') {
      own.dataset.sure = 'yes';
      own.textContent = question;
      setTimeout(() => { own.dataset.sure = ''; own.textContent = label; }, 4000);
      return;
    }
    try {
      const answer = await fetch(here + '?' + query, { method: 'POST', headers: { 'x-cachekit': 'forget' } });
      const json = await answer.json();
      if (answer.ok) { show(json); state.textContent = 'forgotten: ' + label; } else state.textContent = json.error;
    } catch (error) { state.textContent = 'no answer: ' + error.message; }
  });
}
function show(figures) {
  const old = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.forget : null;
  main.textContent = '';
  const caches = make('section', null, main);
  make('h2', 'Caches', caches);
  for (const cache of figures.caches) {
    const article = make('article', null, caches);
    make('h3', cache.name, article);
    list(article, [['backend', cache.backend], ['entries', cache.entries === null ? 'elsewhere' : cache.entries],
      ['refused', cache.refused, cache.refused > 0]]);
    if (figures.may_forget) button(article, 'Forget all of ' + cache.name,
      'forget=cache&name=' + encodeURIComponent(cache.name), 'Really forget all of it?');
  }
  const functions = make('section', null, main);
  make('h2', 'Functions', functions);
  if (!figures.functions.length) make('p', 'None was called yet.', functions);
  for (const one of figures.functions) {
    const article = make('article', null, functions, { 'data-function': one.function });
    make('h3', one.function, article);
    list(article, [['hit ratio', percent(one.hit_ratio)], ['hits', one.hits], ['misses', one.misses],
      ['shared computations', one.coalesced], ['bypasses', one.bypasses], ['time saved', seconds(one.saved_seconds)],
      ['time computing', seconds(one.compute_seconds)], ['entries', one.entries === null ? 'elsewhere' : one.entries],
      ['stored', one.stored], ['rejected', one.rejected], ['errors', one.errors, one.errors > 0]]);
    chart(article, one.function, one.history);
    if (figures.may_forget && one.can_be_forgotten) button(article, 'Forget ' + one.function,
      'forget=function&name=' + encodeURIComponent(one.function), 'Really forget all its values?');
    else if (figures.may_forget) make('p', 'Its values are shared by key: forget them by key.', article, { class: 'note' });
  }
  if (old) { const again = [...document.querySelectorAll('button')].find(b => b.dataset.forget === old); if (again) again.focus(); }
}
async function refresh() {
  if (document.hidden || document.querySelector('button[data-sure=yes]')) return;
  try {
    show(await (await fetch(here + '?format=json')).json());
    state.textContent = 'as of ' + new Date().toLocaleTimeString();
  } catch (error) { state.textContent = 'no answer since then: ' + error.message; }
}
show(first);
setInterval(refresh, 5000);
