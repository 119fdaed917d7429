// node --test web/live
import assert from 'node:assert/strict';
import test from 'node:test';
import { apply, emptyCall, percentile, splitHeard, takeChanged } from './call-log.js';

function replay(...events) {
  const call = emptyCall();
  events.forEach((event, seq) => apply(call, { seq, at_ms: seq * 100, ...event }));
  return call;
}

test('partial words become the turn they belong to', () => {
  const call = replay(
    { type: 'caller_partial', turn: 't1', text: 'hello' },
    { type: 'caller_partial', turn: 't1', text: 'hello there' },
    { type: 'caller_turn', turn: 't1', started_ms: 10, ended_ms: 900, text: 'hello there', confidence: 0.9 },
  );
  assert.equal(call.items.length, 1);
  assert.deepEqual([call.items[0].text, call.items[0].partial, call.items[0].atMs], ['hello there', false, 10]);
});

test('a rejected turn replaces its partial words and keeps the reason', () => {
  const call = replay(
    { type: 'caller_partial', turn: 't1', text: 'uh' },
    { type: 'turn_rejected', turn: 't1', started_ms: 0, ended_ms: 90, text: 'uh', layer: 'length', reason: 'too short' },
  );
  assert.deepEqual(call.items.map((i) => [i.kind, i.reason]), [['rejected', 'too short']]);
});

test('an interrupted turn tells heard from unheard', () => {
  const call = replay(
    { type: 'agent_saying', turn: 'a1', text: 'We open at nine.', purpose: 'reply' },
    { type: 'agent_saying', turn: 'a1', text: 'And close at five.', purpose: 'reply' },
    { type: 'agent_turn', turn: 'a1', started_ms: 0, ended_ms: 900, generated: 'We open at nine. And close at five.',
      sent: 'We open at nine. And', heard: 'We open at', interrupted: true },
  );
  assert.deepEqual([call.items[0].heard, call.items[0].unheard], ['We open at', 'nine. And close at five.']);
  assert.equal(call.items[0].interrupted, true);
});

test('an event that comes twice changes nothing', () => {
  const call = replay({ type: 'agent_saying', turn: 'a1', text: 'Hello.', purpose: 'greeting' });
  takeChanged(call);
  assert.equal(apply(call, { seq: 0, at_ms: 0, type: 'agent_saying', turn: 'a1', text: 'Hello.', purpose: 'greeting' }), false);
  assert.equal(call.items[0].sentences.length, 1);
  assert.equal(takeChanged(call).size, 0);
});

test('the end closes what was still being said', () => {
  const call = replay(
    { type: 'agent_saying', turn: 'a1', text: 'One moment.', purpose: 'filler' },
    { type: 'ended', reason: 'caller_hung_up' },
  );
  assert.deepEqual(call.items.map((i) => [i.kind, i.done ?? null]), [['agent', true], ['end', null]]);
  assert.equal(call.ended, 'caller_hung_up');
});

test('an event of a kind this page does not know is passed over', () => {
  const call = replay({ type: 'invented_later' }, { type: 'dtmf', digit: '5' });
  assert.deepEqual(call.items.map((i) => i.text), ['Key 5 pressed']);
});

test('heard words are found although they are written differently', () => {
  assert.deepEqual(splitHeard('Call 513 now please', 'Call five now'), { heard: 'Call five now', unheard: 'please' });
  assert.deepEqual(splitHeard('Hello.', ''), { heard: '', unheard: 'Hello.' });
});

test('percentiles are values that occurred', () => {
  assert.equal(percentile([], 0.5), null);
  assert.equal(percentile([300, 100, 200], 0.5), 200);
  assert.equal(percentile([300, 100, 200], 0.95), 300);
});

test('a change of engine and a new stream are told in plain words, with whose fault it was', () => {
  const call = emptyCall();
  apply(call, { seq: 0, at_ms: 0, type: 'engine_ready', engine: 'realtime', providers: ['openai'] });
  apply(call, {
    seq: 1, at_ms: 900, type: 'engine_changed', from: 'realtime', to: 'pipeline', cause: 'it was closed', fault: 'provider',
  });
  apply(call, { seq: 2, at_ms: 2000, type: 'continued', node: 'node-b', gap_ms: 700, cause: 'cut_off' });
  assert.equal(call.engine, 'pipeline');
  const texts = call.items.map((one) => one.text);
  assert.match(texts[0], /pipeline engine goes on.*it was closed.*provider’s fault/);
  assert.match(texts[1], /node-b after 700 ms/);
});
