// The few operations of the API that this page uses. The session travels in an HttpOnly cookie.

/** An answer that is not what was asked for. `status` 0: no answer at all. */
export class ApiFailure extends Error {
  constructor(status, problem) {
    super(problem?.detail || (status ? `The server answered ${status}` : 'The server does not answer'));
    this.status = status;
    this.problem = problem;
  }
}

const CSRF_COOKIE = /(?:^|;\s*)(?:__Host-)?studioconnect_csrf=([^;]+)/;

/** What proves that a change comes from this page: the value of the one cookie it can read. */
function csrf() {
  const found = CSRF_COOKIE.exec(document.cookie);
  return found ? { 'x-csrf-token': found[1] } : {};
}

async function ask(path, options) {
  const changes = options.method && options.method !== 'GET';
  const headers = { ...options.headers, ...(changes ? csrf() : {}) };
  try {
    return await fetch(`/api/v1${path}`, { credentials: 'same-origin', ...options, headers });
  } catch {
    throw new ApiFailure(0);
  }
}

let renewing = null;

/** Renews the session; however many ask at once, it is exchanged once. Tells whether somebody is signed in. */
export function renew() {
  renewing ??= ask('/auth/refresh', { method: 'POST' })
    .then((response) => response.ok)
    .finally(() => {
      renewing = null;
    });
  return renewing;
}

async function send(path, options = {}) {
  let response = await ask(path, options);
  // Access lasts a quarter of an hour; a sign-in that was refused is no reason to renew.
  if (response.status === 401 && path !== '/auth/login' && (await renew())) response = await ask(path, options);
  if (!response.ok) throw new ApiFailure(response.status, await response.json().catch(() => null));
  return response.status === 204 ? null : response.json();
}

const post = (path, body) =>
  send(path, {
    method: 'POST',
    headers: body === undefined ? {} : { 'content-type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  });

export const me = () => send('/auth/me');
export const signIn = (email, password) => post('/auth/login', { email, password });
export const signOut = () => post('/auth/logout');
export const calls = (cursor) => send(`/calls?limit=25${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
export const call = (id) => send(`/calls/${id}`);
export const lead = (id) => send(`/leads/${id}`);
export const recordingUrl = (id) => `/api/v1/calls/${id}/recording`;
export const eventsUrl = (id) => `/api/v1/calls/${id}/events`;
