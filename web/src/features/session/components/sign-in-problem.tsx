import { ProblemAlert } from '@/components/problem-alert';
import { ApiProblem } from '@/lib/api/problem';

const CLOCK = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const DAY_SECONDS = 24 * 3600;

/** Why nobody is signed in; after too many tries, from when on one is heard again. `since` is when it was tried. */
export function SignInProblem({ error, since }: { error: Error; since: number }) {
  const wait = error instanceof ApiProblem && error.status === 429 ? error.retryAfter : null;
  if (wait === null) return <ProblemAlert error={error} title="You are not signed in" />;
  const remedy = 'If you have forgotten the password, set a new one by mail: that helps at once.';
  const when = wait < DAY_SECONDS ? `Try again at ${CLOCK.format(since + wait * 1000)}. ` : '';
  return <ProblemAlert error={new Error(when + remedy)} title="Too many tries" />;
}
