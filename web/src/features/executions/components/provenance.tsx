import { IconEyeOff, IconHistory } from '@tabler/icons-react';

import type { Execution } from '@/features/executions/api/get-execution';
import classes from '@/features/executions/components/provenance.module.css';
import { inWords } from '@/lib/json-schema/titles';

/** Where an answer comes from and what was taken out of it, where that is not plain. */
export function Provenance({ execution }: { execution: Execution }) {
  const redactions = Object.entries(execution.redactions).filter(([, count]) => count > 0);
  if (!execution.cached && redactions.length === 0) return null;
  return (
    <ul className={classes.notes}>
      {execution.cached && (
        <li>
          <IconHistory size={16} stroke={1.75} aria-hidden="true" />
          Cached: the answer to an earlier, equal input. No model was asked.
        </li>
      )}
      {redactions.length > 0 && (
        <li>
          <IconEyeOff size={16} stroke={1.75} aria-hidden="true" />
          {takenOut(redactions)}
        </li>
      )}
    </ul>
  );
}

/** Words for one and for several; kinds that are not listed are put into words. */
const KINDS: Record<string, readonly [one: string, several: string]> = {
  email: ['e-mail address', 'e-mail addresses'],
  phone: ['phone number', 'phone numbers'],
  card: ['card number', 'card numbers'],

  iban: ['bank account', 'bank accounts'],
  national_id: ['national id', 'national ids'],
  ip: ['IP address', 'IP addresses'],
};

/** [["email", 2]] → "2 e-mail addresses were taken out before this was stored." */
function takenOut(redactions: readonly (readonly [kind: string, count: number])[]): string {
  const pieces = redactions.map(([kind, count]) => {
    const [one, several] = KINDS[kind] ?? [inWords(kind), `${inWords(kind)}s`];
    return `${count} ${count === 1 ? one : several}`;
  });
  const total = redactions.reduce((sum, [, count]) => sum + count, 0);
  const list = new Intl.ListFormat('en').format(pieces);
  return `${list} ${total === 1 ? 'was' : 'were'} taken out before this was stored.`;
}
