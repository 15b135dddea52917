import { ApiProblem } from '@/lib/api/problem';

/** Keys of requests whose end nobody heard of, by what was asked. */
const unheard = new Map<string, string>();

/**
 * Sends a request under an idempotency key. The same request again carries the same key as long as nobody heard how it
 * ended (the connection broke, the gateway gave up, the reader stopped waiting), so that nothing runs twice; after any
 * answer it is a new wish, with a new key.
 */
export async function once<Answer>(request: unknown, send: (key: string) => Promise<Answer>): Promise<Answer> {
  const wish = JSON.stringify(request);
  const key = unheard.get(wish) ?? crypto.randomUUID();
  unheard.set(wish, key);
  try {
    const answer = await send(key);
    unheard.delete(wish);
    return answer;
  } catch (error) {
    if (!isUnheard(error)) unheard.delete(wish);
    throw error;
  }
}

/** Whether the work may still be going on, or be done, although no answer came. */
export function isUnheard(error: unknown): boolean {
  if (!(error instanceof ApiProblem)) return true;
  // Codes that begin with `http_` are a gateway's or a proxy's: the platform itself said nothing.
  return error.status === 0 || error.code === 'idempotency_in_progress' || error.code.startsWith('http_5');
}
