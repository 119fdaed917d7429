// How values are written on the page.

const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const day = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short' });

/** `14:05` today, `Tue, 3 Mar 14:05` otherwise. */
export function when(iso, now = new Date()) {
  const at = new Date(iso);
  const today = at.toDateString() === now.toDateString();
  return today ? time.format(at) : `${day.format(at)} ${time.format(at)}`;
}

/** `3:07`, `1:02:33`. */
export function clock(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  const [hours, minutes, seconds] = [Math.floor(s / 3600), Math.floor(s / 60) % 60, s % 60];
  const tail = `${String(seconds).padStart(2, '0')}`;
  return hours ? `${hours}:${String(minutes).padStart(2, '0')}:${tail}` : `${minutes}:${tail}`;
}

/** `840 ms`, `1.24 s`. */
export function span(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

/** `get_project_status` as `Get project status`. */
export function words(name) {
  const text = String(name).replaceAll('_', ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const reasons = {
  caller_hung_up: 'The caller hung up',
  agent_said_goodbye: 'The agent said goodbye',
  silence: 'Nobody spoke any more',
  transferred: 'Handed to a person',
  max_duration: 'The longest duration was reached',
  connection_lost: 'The line broke',
  server_stopped: 'The server was stopped',
  process_died: 'The server died; the record was rescued',
  internal_error: 'A defect ended the call',
};

/** Why a call ended, in plain words. */
export const endReason = (reason) => reasons[reason] || words(reason || 'ended');

const statuses = {
  ringing: 'Ringing',
  in_progress: 'Live',
  completed: 'Ended',
  no_answer: 'No answer',
  busy: 'Busy',
  failed: 'Failed',
  canceled: 'Cancelled',
};

/** A call's status, in plain words. */
export const callStatus = (status) => statuses[status] || words(status);

/** Whether a call of this status may still go on. */
export const isLive = (status) => status === 'ringing' || status === 'in_progress';
