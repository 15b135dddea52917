import { problemFrom, unreachable } from '@/lib/api/problem';
import type { components } from '@/lib/api/schema';

export type User = components['schemas']['User'];
export type Session = components['schemas']['Session'];

/** Why each part lives where it does: docs/decisions/web-session.md. */
const STORAGE_KEY = 'agents.refresh-token';
const REFRESH_LOCK = 'agents.session-refresh';

let accessToken: string | null = null;
let user: User | null = null;
let renewal: Promise<boolean> | null = null;
const listeners = new Set<() => void>();

/** Takes over a session that the API has just issued. */
export function begin(session: Session): void {
  accessToken = session.access_token;
  user = session.user;
  window.localStorage.setItem(STORAGE_KEY, session.refresh_token);
  announce();
}

/** Forgets everything; the caller revokes the tokens on the server first, where it can. */
export function end(): void {
  window.localStorage.removeItem(STORAGE_KEY);
  forget();
}

export function currentUser(): User | null {
  return user;
}

/** Whether pages of operators are of any use to them; what may be done is decided by the API. */
export function isAdmin(who: User | null): boolean {
  return who?.roles.includes('admin') ?? false;
}

/** Whether they look after operations: dead letters and the audit log. */
export function isOperator(who: User | null): boolean {
  return isAdmin(who) || (who?.roles.includes('operator') ?? false);
}

export function currentAccessToken(): string | null {
  return accessToken;
}

export function currentRefreshToken(): string | null {
  return window.localStorage.getItem(STORAGE_KEY);
}

/** Calls `listener` after every sign-in, renewal and sign-out; the result stops that. */
export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * Makes sure that there is an access token, after a reload for instance.
 *
 * @returns whether somebody is signed in.
 * @throws {ApiProblem} when the platform cannot say; the session is kept for another try.
 */
export async function restore(): Promise<boolean> {
  return accessToken !== null || renew();
}

/**
 * Exchanges the refresh token for a new session; calls at the same time share one exchange.
 *
 * @returns false when there is no valid refresh token; the session has ended then.
 * @throws {ApiProblem} when the platform cannot say; the session is kept for another try.
 */
export function renew(): Promise<boolean> {
  renewal ??= oneTabAtATime(exchange).finally(() => {
    renewal = null;
  });
  return renewal;
}

async function exchange(): Promise<boolean> {
  const refreshToken = currentRefreshToken();
  if (refreshToken === null) {
    forget();
    return false;
  }
  const response = await fetch('/api/v1/auth/refresh', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ refresh_token: refreshToken }),
  }).catch((error: unknown) => {
    throw unreachable(error);
  });
  if (response.ok) {
    begin((await response.json()) as Session);
    return true;
  }
  // Only a refused token ends the session: a firewall that answers 403 for some minutes says nothing of it.
  if (response.status !== 401 && response.status !== 422) {
    throw problemFrom(response.status, await response.json().catch(() => null), response.headers);
  }
  end();
  return false;
}

/** A refresh token works once, so two tabs must not send the same one: they take turns. */
function oneTabAtATime(work: () => Promise<boolean>): Promise<boolean> {
  return 'locks' in navigator ? navigator.locks.request(REFRESH_LOCK, work) : work();
}

function forget(): void {
  accessToken = null;
  user = null;
  announce();
}

function announce(): void {
  for (const listener of listeners) listener();
}

// Signing out in one tab signs out the others.
window.addEventListener('storage', (event) => {
  if (event.key === STORAGE_KEY && event.newValue === null) forget();
});
