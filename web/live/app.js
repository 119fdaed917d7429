// The page at `/`: sign in, then follow the call that is live, or look at one that was.

import * as api from './api.js';
import { apply, emptyCall, percentile } from './call-log.js';
import { byId, el, say } from './dom.js';
import { callStatus, clock, endReason, isLive, span, when, words } from './format.js';
import * as transcript from './transcript.js';

const LIST_EVERY_MS = 4000;
const RECORDING_TRIES = 15;
const leadFields = ['name', 'email', 'phone', 'company', 'service', 'budget', 'timeline', 'notes'];

let permissions = new Set();
let records = [];
let olderCursor = null;
let shown = null; // { record, log, stream, retry, … } of the call on the screen
let listTimer = null;

const may = (permission) => permissions.has(permission);
const chosen = () => (location.hash.startsWith('#call_') ? location.hash.slice(1) : null);

// ---- who is there -------------------------------------------------------------------------------------------

async function start() {
  try {
    enter(await api.me());
  } catch (failure) {
    if (failure.status === 401) return askToSignIn();
    say(byId('boot').firstElementChild, `${failure.message}. Trying again…`);
    setTimeout(start, 3000);
  }
}

function askToSignIn(why) {
  leave();
  byId('boot').hidden = true;
  byId('board').hidden = true;
  byId('session').hidden = true;
  byId('org').hidden = true;
  byId('sign-in').hidden = false;
  say(byId('sign-in-error'), why);
  byId('email').focus();
}

function enter(me) {
  permissions = new Set(me.permissions);
  say(byId('org'), me.organization?.name);
  byId('boot').hidden = true;
  byId('sign-in').hidden = true;
  byId('session').hidden = false;
  byId('board').hidden = false;
  document.documentElement.classList.add('signed-in');
  if (!may('calls:read')) return transcript.message('Your role does not include seeing calls. Ask the owner of the account.');
  transcript.skeleton();
  refreshList();
}

function leave() {
  clearTimeout(listTimer);
  hide();
  records = [];
  document.documentElement.classList.remove('signed-in');
}

byId('sign-in-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const form = event.target;
  const button = form.querySelector('button');
  say(byId('sign-in-error'), '');
  if (!form.email.value || !form.password.value) return say(byId('sign-in-error'), 'Fill in the e-mail address and the password.');
  button.disabled = true;
  button.textContent = 'Signing in…';
  try {
    await api.signIn(form.email.value, form.password.value);
    form.reset();
    enter(await api.me());
  } catch (failure) {
    say(byId('sign-in-error'), sentence(failure.message));
    form.password.select();
  } finally {
    button.disabled = false;
    button.textContent = 'Sign in';
  }
});

byId('sign-out').addEventListener('click', async () => {
  try {
    await api.signOut();
  } catch (failure) {
    if (failure.status !== 401) return say(byId('calls-error'), `Not signed out: ${failure.message}`);
  }
  askToSignIn();
});

const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;

// ---- the list of calls --------------------------------------------------------------------------------------

async function refreshList() {
  clearTimeout(listTimer);
  try {
    const page = await api.calls();
    // Pages that were fetched on top of the first one stay below it.
    const fresh = new Set(page.items.map((r) => r.id));
    const below = page.items.length ? records.filter((r) => !fresh.has(r.id) && r.started_at < page.items.at(-1).started_at) : [];
    records = [...page.items, ...below];
    if (!below.length) olderCursor = page.next_cursor;
    say(byId('calls-error'), '');
    drawList();
    choose();
  } catch (failure) {
    if (failure.status === 401) return askToSignIn('Your session has ended. Sign in again.');
    say(byId('calls-error'), `${sentence(failure.message)} Trying again…`);
    if (!records.length && !shown) transcript.message('The calls could not be fetched.');
  }
  listTimer = setTimeout(refreshList, document.hidden ? LIST_EVERY_MS * 5 : LIST_EVERY_MS);
}
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && !byId('board').hidden) refreshList();
});

byId('more-calls').addEventListener('click', async (event) => {
  event.target.disabled = true;
  try {
    const page = await api.calls(olderCursor);
    const known = new Set(records.map((r) => r.id));
    records.push(...page.items.filter((r) => !known.has(r.id)));
    olderCursor = page.next_cursor;
    drawList();
  } catch (failure) {
    say(byId('calls-error'), sentence(failure.message));
  }
  event.target.disabled = false;
});

function callerName(record) {
  return record.client?.name || record.from || 'Withheld number';
}

function drawList() {
  const rows = records.map((record) => {
    const link = el('a', { href: `#${record.id}`, className: 'call-row' },
      el('span', { className: 'call-who' }, callerName(record)),
      el('span', { className: `chip ${isLive(record.status) ? 'live' : ''}` }, callStatus(record.status)),
      el('span', { className: 'muted' }, when(record.started_at)),
      el('span', { className: 'muted end-aligned' }, record.duration_ms ? clock(record.duration_ms) : ''));
    if (record.id === shown?.record.id) link.setAttribute('aria-current', 'true');
    return el('li', {}, link);
  });
  const focused = document.activeElement?.closest?.('#call-list a')?.getAttribute('href');
  byId('call-list').replaceChildren(...(rows.length ? rows : [el('li', { className: 'empty' }, 'No calls yet.')]));
  if (focused) byId('call-list').querySelector(`a[href="${focused}"]`)?.focus({ preventScroll: true });
  byId('more-calls').hidden = !olderCursor;
}

function showCalls(open) {
  byId('calls').classList.toggle('open', open);
  byId('toggle-calls').setAttribute('aria-expanded', String(open));
}
byId('toggle-calls').addEventListener('click', () => showCalls(!byId('calls').classList.contains('open')));
byId('call-list').addEventListener('click', (event) => event.target.closest('a') && showCalls(false));
addEventListener('keydown', (event) => event.key === 'Escape' && showCalls(false));

// ---- which call is on the screen ----------------------------------------------------------------------------

/** The call of the address; without one the live call, else the latest. */
function choose() {
  const wanted = chosen();
  const live = records.find((r) => isLive(r.status));
  const target = wanted || (live || records[0])?.id;
  byId('live-elsewhere').hidden = !(wanted && live && live.id !== wanted);
  if (!target) {
    byId('call').removeAttribute('aria-busy');
    return transcript.message('No calls yet. Ring the agency’s number, or run “studioconnect call”, and the conversation appears here as it is spoken.');
  }
  if (shown?.record.id !== target) show(target);
  else update(records.find((r) => r.id === target));
}
addEventListener('hashchange', choose);
byId('watch-live').addEventListener('click', () => {
  history.pushState(null, '', location.pathname);
  choose();
});

function hide() {
  if (!shown) return;
  shown.stream?.close();
  clearTimeout(shown.retry);
  clearTimeout(shown.recordingTimer);
  clearInterval(shown.ticker);
  const audio = byId('audio');
  audio.pause();
  audio.removeAttribute('src');
  byId('player').hidden = true;
  say(byId('connection'), '');
  transcript.onSeek(null);
  transcript.clear();
  shown = null;
}

function show(id) {
  hide();
  const record = records.find((r) => r.id === id) || { id, status: 'unknown' };
  shown = { record, log: emptyCall(), lead: null, leadVersion: -1, backoffMs: 1000 };
  transcript.skeleton();
  byId('call').setAttribute('aria-busy', 'true');
  drawList();
  drawHead();
  drawLead();
  drawFigures();
  const here = shown;
  here.ticker = setInterval(() => here === shown && isLive(here.record.status) && drawHead(), 1000);
  if (may('calls:live')) follow(here);
  else readOnce(here);
}

function update(record) {
  if (!record || !shown) return;
  const ended = isLive(shown.record.status) && !isLive(record.status);
  shown.record = { ...shown.record, ...record };
  drawHead();
  if (ended || (!isLive(record.status) && !shown.audioAsked)) offerRecording(shown, 0);
}

/** Reads the record whole: for those who may not watch, again and again while the call lasts. */
async function readOnce(here) {
  try {
    const detail = await api.call(here.record.id);
    if (here !== shown) return;
    here.record = { ...here.record, ...detail };
    detail.events.forEach((event) => apply(here.log, event));
    drawAll();
    if (isLive(detail.status)) here.retry = setTimeout(() => readOnce(here), 2000);
    else offerRecording(here, 0);
  } catch (failure) {
    trouble(here, failure, () => readOnce(here));
  }
}

/** Follows the log: history first, then every entry as it happens. */
function follow(here) {
  const stream = new EventSource(api.eventsUrl(here.record.id));
  here.stream = stream;
  const take = (message) => {
    if (here !== shown) return;
    say(byId('connection'), '');
    here.backoffMs = 1000;
    if (apply(here.log, JSON.parse(message.data))) schedule();
  };
  stream.addEventListener('entry', take);
  stream.addEventListener('complete', () => {
    stream.close();
    if (here !== shown) return;
    drawAll();
    settle(here);
  });
  stream.onopen = () => {
    if (here !== shown) return;
    say(byId('connection'), '');
    // A call that has just begun has no words yet; do not leave the placeholders there.
    if (!here.log.items.length) setTimeout(() => here === shown && !here.log.items.length && waiting(), 800);
  };
  stream.onerror = () => {
    if (here !== shown) return;
    if (stream.readyState === EventSource.CONNECTING) return say(byId('connection'), 'The connection is interrupted. Reconnecting…');
    // Refused for good: find out why.
    api.call(here.record.id).then(
      () => trouble(here, new api.ApiFailure(0), () => follow(here)),
      (failure) => trouble(here, failure, () => follow(here)),
    );
  };
}

function waiting() {
  byId('call').removeAttribute('aria-busy');
  transcript.message(isLive(shown.record.status) ? 'The call is being picked up…' : 'Nothing was said in this call.');
}

function trouble(here, failure, again) {
  if (here !== shown) return;
  byId('call').removeAttribute('aria-busy');
  if (failure.status === 401) return askToSignIn('Your session has ended. Sign in again.');
  if (failure.status === 404) {
    transcript.message('There is no such call. It may have been deleted.');
    return;
  }
  say(byId('connection'), `${sentence(failure.message)} Trying again…`);
  here.retry = setTimeout(again, here.backoffMs);
  here.backoffMs = Math.min(here.backoffMs * 2, 15000);
}

/** The conversation is over: fetch the finished record, which has what the log has not. */
async function settle(here) {
  if (!here.log.items.length) waiting();
  try {
    const detail = await api.call(here.record.id);
    if (here !== shown) return;
    here.record = { ...here.record, ...detail };
    drawAll();
  } catch {
    // The list brings it with its next round.
  }
  if (here === shown) offerRecording(here, 0);
}

/** The recording is stored some moments after hang-up. */
async function offerRecording(here, tries) {
  here.audioAsked = true;
  clearTimeout(here.recordingTimer);
  if (!may('calls:listen') || isLive(here.record.status) || !byId('player').hidden) return;
  if (here.record.has_recording) {
    const audio = byId('audio');
    audio.src = api.recordingUrl(here.record.id);
    byId('player').hidden = false;
    transcript.onSeek((ms) => {
      audio.currentTime = ms / 1000;
      audio.play();
    });
    return;
  }
  if (tries >= RECORDING_TRIES) return;
  here.recordingTimer = setTimeout(async () => {
    try {
      const detail = await api.call(here.record.id);
      if (here !== shown) return;
      here.record = { ...here.record, ...detail };
      drawAll();
    } catch {
      // Tried again below.
    }
    if (here === shown) offerRecording(here, tries + 1);
  }, 1000 + 500 * tries);
}

// ---- drawing ------------------------------------------------------------------------------------------------

let scheduled = false;
function schedule() {
  if (scheduled) return;
  scheduled = true;
  // Not requestAnimationFrame: a page in the background must keep its title and its place.
  setTimeout(() => {
    scheduled = false;
    if (shown) drawAll();
  }, 16);
}

function drawAll() {
  const { log, record } = shown;
  byId('call').removeAttribute('aria-busy');
  const live = isLive(record.status) && !log.ended;
  transcript.draw(log, { follow: live, listening: live });
  const activity = byId('activity');
  activity.className = `activity ${live && log.callerSpeaking ? 'caller' : ''}`;
  activity.textContent = live ? (log.callerSpeaking ? 'The caller is speaking' : log.agentSpeaking ? 'The agent is speaking' : 'Listening') : '';
  drawHead();
  drawFigures();
  if (log.leadId && log.leadVersion !== shown.leadVersion) fetchLead(shown, log.leadId, log.leadVersion);
}

function drawHead() {
  const { record, log } = shown;
  const live = isLive(record.status) && !log.ended;
  const since = record.answered_at || record.started_at;
  const length = live ? (since ? Date.now() - Date.parse(since) : 0) : (record.duration_ms ?? log.clockMs);
  const facts = [
    record.client?.name && record.from,
    record.started_at && when(record.started_at),
    record.intent && words(record.intent),
    log.ended && endReason(log.ended),
    log.providers.length > 0 && log.providers.join(' · '),
  ].filter(Boolean);
  byId('call-head').replaceChildren(
    el('div', {},
      el('h1', {}, callerName(record)),
      el('p', { className: 'muted' }, facts.join('  ·  '))),
    el('p', { className: 'pills' },
      record.urgency_score >= 5 && el('span', { className: 'chip bad', title: record.urgency_reason || '' }, record.urgency_score >= 8 ? 'Urgent' : 'Pressing'),
      el('span', { className: `chip big ${live ? 'live' : ''}` }, `${live ? callStatus(record.status) : callStatus(isLive(record.status) ? 'completed' : record.status)} ${length ? clock(length) : ''}`)));
  document.title = `${live ? '● ' : ''}${callerName(record)} · StudioConnect`;
}

async function fetchLead(here, id, version) {
  here.leadVersion = version;
  if (!may('leads:read')) return drawLead();
  try {
    const lead = await api.lead(id);
    if (here !== shown) return;
    const before = here.lead;
    here.lead = lead;
    drawLead(before);
  } catch {
    // The next answer of the caller, or the end of the call, asks again.
    if (here === shown) here.retryLead = setTimeout(() => here === shown && fetchLead(here, id, version), 2000);
  }
}

function drawLead(before) {
  const lead = shown?.lead;
  const body = byId('lead-body');
  if (!lead) {
    return body.replaceChildren(el('p', { className: 'muted' },
      shown?.log.leadId ? 'A lead was taken. Your role does not include seeing leads.' : 'None so far. When the caller tells about a project, it fills here as they speak.'));
  }
  const rows = leadFields.filter((field) => lead[field]).flatMap((field) => [
    el('dt', {}, field === 'email' ? 'E-mail' : words(field)),
    el('dd', { className: before !== undefined && before?.[field] !== lead[field] ? 'fresh' : '' }, lead[field]),
  ]);
  const tone = { URGENT: 'bad', HIGH: 'warn' }[lead.priority] || '';
  body.replaceChildren(
    el('p', { className: 'pills' },
      el('span', { className: `chip ${lead.complete ? 'ok' : ''}` }, lead.complete ? 'Complete' : 'In progress'),
      el('span', { className: `chip ${tone}` }, words(lead.priority.toLowerCase()))),
    rows.length ? el('dl', { className: 'facts' }, ...rows) : el('p', { className: 'muted' }, 'No answers yet.'));
}

function drawFigures() {
  const numbers = shown.log.latencies;
  const body = byId('figures-body');
  if (!numbers.length) {
    return body.replaceChildren(el('p', { className: 'muted' }, 'From the caller’s last word to the agent’s first sound. Nothing to measure yet.'));
  }
  body.replaceChildren(el('dl', { className: 'figures' },
    el('div', {}, el('dt', {}, 'median'), el('dd', {}, span(percentile(numbers, 0.5)))),
    el('div', {}, el('dt', {}, '95 %'), el('dd', {}, span(percentile(numbers, 0.95)))),
    el('div', {}, el('dt', {}, 'answers'), el('dd', {}, String(numbers.length)))));
}

start();
