// Draws the conversation: one list item per turn, redrawn only when it changed.

import { takeChanged } from './call-log.js';
import { byId, el } from './dom.js';
import { clock, endReason, span, words } from './format.js';

const list = byId('transcript');
const jump = byId('jump');
const nodes = new Map();
let pinned = true;
let seek = null;

// The line below the last turn; on a phone the lead follows underneath, so the page's end is not the place.
const tail = byId('activity');
const nearEnd = () => tail.getBoundingClientRect().bottom < innerHeight + 140;

addEventListener('scroll', () => {
  pinned = nearEnd();
  if (pinned) jump.hidden = true;
}, { passive: true });
jump.addEventListener('click', () => {
  pinned = true;
  toEnd(true);
});

function toEnd(asked) {
  jump.hidden = true;
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  tail.scrollIntoView({ block: 'end', behavior: asked && !calm ? 'smooth' : 'auto' });
}

/** Empties the conversation for another call. */
export function clear() {
  nodes.clear();
  list.replaceChildren();
  jump.hidden = true;
  pinned = true;
}

/** Shows placeholders while the conversation is fetched. */
export function skeleton() {
  list.replaceChildren(
    ...['', 'right', ''].map((side) => el('li', { className: `turn ${side} skeleton`, 'aria-hidden': 'true' }, el('p', { className: 'words' }))),
  );
}

/** Shows a sentence where the conversation would be. */
export function message(text) {
  nodes.clear();
  list.replaceChildren(el('li', { className: 'empty' }, text));
}

/** What a click on a turn's time does: `null` while there is no recording. */
export function onSeek(handler) {
  const had = Boolean(seek);
  seek = handler;
  if (had !== Boolean(handler)) for (const [, { node, item }] of nodes) node.querySelector('.at')?.replaceWith(at(item));
}

/** Brings the list up to date with the call. `follow` keeps the newest turn in sight. */
export function draw(call, { follow, listening }) {
  const changed = takeChanged(call);
  if (!changed.size) return;
  if (!nodes.size) list.replaceChildren();
  const before = pinned;
  for (const key of changed) {
    const item = call.byKey.get(key);
    const old = nodes.get(key)?.node;
    if (!item) {
      old?.remove();
      nodes.delete(key);
      continue;
    }
    const node = drawItem(item);
    if (old) {
      const wasOpen = old.querySelector('details[open]');
      if (wasOpen) node.querySelector('details')?.setAttribute('open', '');
      old.replaceWith(node);
    } else {
      if (listening) node.classList.add('fresh');
      list.append(node);
    }
    nodes.set(key, { node, item });
  }
  if (!follow) return;
  if (before) toEnd(false);
  else jump.hidden = false;
}

function drawItem(item) {
  const draws = { caller, agent, rejected, tool, note, end };
  return draws[item.kind](item);
}

function at(item) {
  const text = clock(item.atMs ?? 0);
  if (!seek) return el('span', { className: 'at' }, text);
  const button = el('button', { className: 'at link', type: 'button', 'aria-label': `Play from ${text}` }, text);
  button.addEventListener('click', () => seek(item.atMs ?? 0));
  return button;
}

function caller(item) {
  return el('li', { className: `turn right caller${item.partial ? ' partial' : ''}` },
    el('p', { className: 'meta' }, el('span', { className: 'who' }, 'Caller'), at(item),
      item.intent && el('span', { className: 'chip' }, words(item.intent))),
    el('p', { className: 'words' }, item.text, item.partial && el('span', { className: 'dots', 'aria-hidden': 'true' })));
}

const purposes = { greeting: 'greeting', filler: 'filler', silence_prompt: 'after silence', goodbye: 'goodbye' };

function agent(item) {
  const purpose = item.sentences.map((s) => purposes[s.purpose]).find(Boolean);
  const said = item.done
    ? [item.heard, item.unheard && el('span', { className: 'unheard' }, el('span', { className: 'visually-hidden' }, ' Not heard: '), ` ${item.unheard}`)]
    : item.sentences.map((s, i) => `${i ? ' ' : ''}${s.text}`);
  return el('li', { className: `turn agent${item.done ? '' : ' speaking'}` },
    el('p', { className: 'meta' }, el('span', { className: 'who' }, 'Agent'), at(item),
      purpose && el('span', { className: 'chip' }, purpose),
      item.interrupted && el('span', { className: 'chip warn' }, 'interrupted'),
      item.resumed && el('span', { className: 'chip' }, 'resumed')),
    el('p', { className: 'words' }, ...said),
    item.latency && latency(item.latency));
}

/** The parts of an answer's delay, in the order in which they happen. */
export const parts = [
  ['endpointing_ms', 'Waiting for the end of the turn'],
  ['stt_ms', 'Understanding'],
  ['brain_ms', 'Thinking'],
  ['tts_ms', 'Finding the voice'],
  ['hop_ms', 'On the way out'],
];

function latency(value) {
  const bar = el('span', { className: 'split', 'aria-hidden': 'true' });
  parts.forEach(([name], i) => {
    const piece = el('span', { className: `p${i}` });
    piece.style.flexGrow = String(value[name]);
    bar.append(piece);
  });
  return el('details', { className: 'latency' },
    el('summary', { title: parts.map(([name, label]) => `${label}: ${span(value[name])}`).join('\n') }, el('span', { className: 'chip time' }, span(value.total_ms)), bar),
    el('dl', {}, ...parts.flatMap(([name, label], i) => [
      el('dt', {}, el('span', { className: `dot p${i}`, 'aria-hidden': 'true' }), label),
      el('dd', {}, span(value[name])),
    ])));
}

function rejected(item) {
  return el('li', { className: 'aside' }, at(item),
    el('p', {}, item.text ? [el('q', {}, item.text), ' was not taken as a turn: '] : 'A sound was not taken as a turn: ', item.reason,
      ' ', el('span', { className: 'chip' }, words(item.layer))));
}

function tool(item) {
  const show = (value) => el('pre', {}, typeof value === 'string' ? value : JSON.stringify(value, null, 2));
  return el('li', { className: 'aside' }, at(item),
    el('details', { className: 'tool' },
      el('summary', {}, el('span', { className: `chip ${item.ok ? 'ok' : 'bad'}` }, `${item.ok ? '✓' : '✕'} ${words(item.name)}`), el('span', { className: 'muted' }, span(item.durationMs))),
      el('div', { className: 'tool-body' },
        el('p', { className: 'muted' }, 'Asked'), show(item.arguments),
        el('p', { className: 'muted' }, item.ok ? 'Answered' : 'Failed'), show(item.result))));
}

function note(item) {
  return el('li', { className: 'aside' }, at(item), el('p', {}, item.text));
}

function end(item) {
  return el('li', { className: 'end' }, el('span', {}, `${endReason(item.reason)} · ${clock(item.atMs)}`));
}
