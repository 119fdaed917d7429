// Turns the log of a call into what the page shows. Pure: events in, a view out; safe to feed twice.

/** An empty conversation. */
export function emptyCall() {
  return {
    nextSeq: 0,
    items: [],
    byKey: new Map(),
    changed: new Set(),
    providers: [],
    engine: null,
    callerSpeaking: false,
    agentSpeaking: false,
    leadId: null,
    leadVersion: 0,
    latencies: [],
    ended: null,
    clockMs: 0,
  };
}

/** Takes the next entry of the log. Entries that were seen already change nothing. Returns whether it was new. */
export function apply(call, event) {
  if (event.seq < call.nextSeq) return false;
  call.nextSeq = event.seq + 1;
  call.clockMs = Math.max(call.clockMs, event.at_ms);
  const handle = handlers[event.type];
  if (handle) handle(call, event);
  return true;
}

/** The keys of items that changed since last asked. */
export function takeChanged(call) {
  const changed = call.changed;
  call.changed = new Set();
  return changed;
}

function item(call, key, fresh) {
  let found = call.byKey.get(key);
  if (!found) {
    found = { key, ...fresh };
    call.byKey.set(key, found);
    call.items.push(found);
  }
  call.changed.add(key);
  return found;
}

function remove(call, key) {
  if (!call.byKey.delete(key)) return;
  call.items = call.items.filter((i) => i.key !== key);
  call.changed.add(key);
}

const FAULTS = { provider: 'the provider’s fault', carrier: 'the carrier’s fault', us: 'our own fault' };

function withFault(text, fault) {
  return FAULTS[fault] ? `${text} (${FAULTS[fault]})` : text;
}

const handlers = {
  engine_ready(call, e) {
    call.engine = e.engine;
    call.providers = e.providers;
  },
  speech_started(call) {
    call.callerSpeaking = true;
  },
  speech_ended(call) {
    call.callerSpeaking = false;
  },
  caller_partial(call, e) {
    if (!e.text) return;
    const turn = item(call, e.turn, { kind: 'caller', atMs: e.at_ms, text: '', partial: true, intent: null });
    if (turn.partial) turn.text = e.text;
  },
  caller_turn(call, e) {
    call.callerSpeaking = false;
    // The final words may come after the agent's filler began; they belong where the speech was.
    const turn = item(call, e.turn, { kind: 'caller', intent: null });
    Object.assign(turn, { atMs: e.started_ms, endMs: e.ended_ms, text: e.text, partial: false, confidence: e.confidence });
  },
  turn_rejected(call, e) {
    call.callerSpeaking = false;
    remove(call, e.turn);
    item(call, e.turn, { kind: 'rejected', atMs: e.started_ms, text: e.text, layer: e.layer, reason: e.reason });
  },
  agent_saying(call, e) {
    call.agentSpeaking = true;
    const turn = item(call, e.turn, { kind: 'agent', atMs: e.at_ms, sentences: [], done: false, latency: null });
    turn.sentences.push({ text: e.text, purpose: e.purpose });
  },
  agent_turn(call, e) {
    call.agentSpeaking = false;
    const turn = item(call, e.turn, { kind: 'agent', sentences: [], latency: null });
    Object.assign(turn, {
      atMs: e.started_ms,
      endMs: e.ended_ms,
      done: true,
      interrupted: e.interrupted,
      ...splitHeard(e.generated, e.heard),
    });
  },
  resumed(call, e) {
    const turn = call.byKey.get(e.turn);
    if (!turn) return;
    call.agentSpeaking = true;
    turn.resumed = true;
    call.changed.add(e.turn);
  },
  latency(call, e) {
    const parts = {
      endpointing_ms: e.endpointing_ms,
      stt_ms: e.stt_ms,
      brain_ms: e.brain_ms,
      tts_ms: e.tts_ms,
      hop_ms: e.hop_ms,
      total_ms: e.total_ms,
    };
    call.latencies.push(parts.total_ms);
    const turn = item(call, e.turn, { kind: 'agent', atMs: e.at_ms, sentences: [], done: false });
    turn.latency = parts;
  },
  tool_call(call, e) {
    item(call, e.id, {
      kind: 'tool',
      atMs: e.at_ms,
      name: e.name,
      arguments: e.arguments,
      result: e.result,
      ok: e.ok,
      durationMs: e.duration_ms,
    });
  },
  intent(call, e) {
    const turn = call.byKey.get(e.turn);
    if (!turn) return;
    turn.intent = e.intent;
    call.changed.add(e.turn);
  },
  lead_saved(call, e) {
    call.leadId = e.lead;
    call.leadVersion += 1;
  },
  dtmf(call, e) {
    item(call, `dtmf-${e.seq}`, { kind: 'note', atMs: e.at_ms, text: `Key ${e.digit} pressed` });
  },
  notice(call, e) {
    item(call, `notice-${e.seq}`, { kind: 'note', atMs: e.at_ms, text: withFault(e.text, e.fault) });
  },
  engine_changed(call, e) {
    call.engine = e.to;
    const text = `The ${e.to} engine goes on instead of ${e.from}: ${e.cause}`;
    item(call, `engine-${e.seq}`, { kind: 'note', atMs: e.at_ms, text: withFault(text, e.fault) });
  },
  continued(call, e) {
    call.agentSpeaking = false;
    call.callerSpeaking = false;
    const why = { handed_over: 'another node took the call over', not_connected: 'nobody took the caller' }[e.cause]
      ?? 'the stream was cut off';
    const text = `The call goes on on ${e.node} after ${e.gap_ms} ms: ${why}`;
    item(call, `continued-${e.seq}`, { kind: 'note', atMs: e.at_ms, text });
  },
  ended(call, e) {
    call.callerSpeaking = false;
    call.agentSpeaking = false;
    call.ended = e.reason;
    for (const turn of call.items) {
      if (turn.kind === 'agent' && !turn.done) {
        turn.done = true;
        turn.heard = turn.sentences.map((s) => s.text).join(' ');
        call.changed.add(turn.key);
      }
    }
    item(call, 'ended', { kind: 'end', atMs: e.at_ms, reason: e.reason });
  },
};

/** Cuts what was generated into what the caller heard and what they did not. */
export function splitHeard(generated, heard) {
  const all = (generated || '').trim();
  const part = (heard || '').trim();
  if (all.startsWith(part)) return { heard: part, unheard: all.slice(part.length).trim() };
  // Spoken form and written form differ (numbers, abbreviations): go by the count of words.
  const words = all.split(/\s+/);
  const count = part ? part.split(/\s+/).length : 0;
  return { heard: part, unheard: words.slice(count).join(' ') };
}

/** The value below which the share `p` (0 to 1) of the numbers lies; null without numbers. */
export function percentile(numbers, p) {
  if (!numbers.length) return null;
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)];
}
