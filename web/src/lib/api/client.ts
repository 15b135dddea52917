import createClient from 'openapi-fetch';

import { problemFrom, unreachable } from '@/lib/api/problem';
import type { paths } from '@/lib/api/schema';
import { authorizedFetch } from '@/lib/session/authorized-fetch';

/** The typed client of the platform's API; it signs requests and renews the session when needed. */
export const api = createClient<paths>({ baseUrl: window.location.origin, fetch: authorizedFetch });

interface Outcome<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/**
 * The data of a call.
 *
 * @throws {ApiProblem} what went wrong; an abort is passed through as it is.
 */
export async function answerOf<Data>(call: Promise<Outcome<Data>>): Promise<Data> {
  let outcome: Outcome<Data>;
  try {
    outcome = await call;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw error instanceof Error && error.name === 'ApiProblem' ? error : unreachable(error);
  }
  if (!outcome.response.ok) {
    throw problemFrom(outcome.response.status, outcome.error, outcome.response.headers);
  }
  return outcome.data as Data;
}
