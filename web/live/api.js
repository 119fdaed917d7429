// The few operations of the API that this page uses. The session travels in an HttpOnly cookie.

/** An answer that is not what was asked for. `status` 0: no answer at all. */
export class ApiFailure extends Error {
  constructor(status, problem) {
    super(problem?.detail || (status ? `The server answered ${status}` : 'The server does not answer'));
    this.status = status;
    this.problem = problem;
  }
}

async function send(path, options = {}) {
  let response;
  try {
    response = await fetch(`/api/v1${path}`, { credentials: 'same-origin', ...options });
  } catch {
    throw new ApiFailure(0);
  }
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
