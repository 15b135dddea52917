import { Badge, Button } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { EmptyNote } from '@/components/empty-note';
import { ForbiddenNote, isForbidden } from '@/components/forbidden-note';
import { PagedRows } from '@/components/paged-rows';
import classes from '@/components/rows.module.css';
import {
  type DeadLetter,
  type LetterFilter,
  listLettersOptions,
  useLetter,
} from '@/features/dead-letters/api/dead-letters';
import { RedriveAll } from '@/features/dead-letters/components/redrive-all';
import { sourceInWords, STATES } from '@/features/dead-letters/in-words';
import { formatAgo, formatMoment } from '@/lib/format';
import { titleOf } from '@/lib/json-schema/titles';

/** What could not be done, with its reason; the open ones can be done again from here. */
export function LetterList({ filter }: { filter: LetterFilter }) {
  const letters = useInfiniteQuery(listLettersOptions(filter));
  if (letters.isError && isForbidden(letters.error)) return <ForbiddenNote error={letters.error} />;
  const { state = 'open', source } = filter;
  const isOpen = state === 'open';
  return (
    <>
      {isOpen && letters.data && <RedriveAll source={source} hasLetters={hasItems(letters.data)} />}
      <PagedRows
        query={letters}
        noun="dead letters"
        empty={
          isOpen ? (
            <EmptyNote title="Nothing waits">
              {source
                ? `All work of “${sourceInWords(source)}” was done, or is being tried again by itself.`
                : 'All work was done, or is being tried again by itself. What is given up comes here.'}
            </EmptyNote>
          ) : (
            <EmptyNote title={`No letter was ${state}`}>Closed letters are kept for 90 days.</EmptyNote>
          )
        }
      >
        {(letter) => <Row key={letter.id} letter={letter} />}
      </PagedRows>
    </>
  );
}

function hasItems({ pages }: { pages: { items: DeadLetter[] }[] }): boolean {
  return pages.some(({ items }) => items.length > 0);
}

function Row({ letter }: { letter: DeadLetter }) {
  const { id, source, state, type, subject, code, message, tries, failed_at } = letter;
  const { redrive } = useLetter(id);
  return (
    <li className={classes.row}>
      <div className={classes.main}>
        <Link to="/dead-letters/$id" params={{ id }} className={classes.link}>
          {titleOf(code)}
        </Link>
        <span className={`${classes.note} ${classes.clamped}`}>
          {redrive.isError ? `It was not done. ${redrive.error.message}` : message}
        </span>
        <span className={classes.note}>{[sourceInWords(source), type, subject].filter(Boolean).join(' · ')}</span>
      </div>
      <div className={classes.side}>
        <span className={classes.fact}>{tries === 1 ? '1 try' : `${tries} tries`}</span>
        <time className={classes.fact} data-wide dateTime={failed_at} title={formatMoment(failed_at)}>
          {formatAgo(failed_at)}
        </time>
        {state === 'open' ? (
          <span className={classes.actions}>
            <Button
              size="xs"
              variant="default"
              loading={redrive.isPending}
              aria-label={`Redrive ${titleOf(code)}, ${subject ?? id}`}
              onClick={() => redrive.mutate()}
            >
              Redrive
            </Button>
          </span>
        ) : (
          <LetterState state={state} />
        )}
      </div>
    </li>
  );
}

export function LetterState({ state }: { state: DeadLetter['state'] }) {
  return <Badge color={STATES[state].color}>{STATES[state].label}</Badge>;
}
