import { Code, Group } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';

import { CopyIcon } from '@/components/copy-icon';
import { EmptyNote } from '@/components/empty-note';
import { ForbiddenNote, isForbidden } from '@/components/forbidden-note';
import { JsonText } from '@/components/json-text';
import { PagedRows } from '@/components/paged-rows';
import { type AuditEntry, type AuditFilter, listEntriesOptions } from '@/features/audit/api/audit';
import classes from '@/features/audit/components/audit.module.css';
import { formatCount, formatMoment } from '@/lib/format';
import type { Json } from '@/lib/json-schema/types';

/** The log, each entry with its hash; opened, with all that is recorded. */
export function AuditLog({ filter }: { filter: AuditFilter }) {
  const entries = useInfiniteQuery(listEntriesOptions(filter));
  if (entries.isError && isForbidden(entries.error)) return <ForbiddenNote error={entries.error} />;
  const isNarrowed = Object.values(filter).some((value) => value !== undefined);
  return (
    <PagedRows
      query={entries}
      noun="the audit log"
      empty={
        isNarrowed ? (
          <EmptyNote title="No entry is like that">Let go of a filter to see the others.</EmptyNote>
        ) : (
          <EmptyNote title="Nothing is recorded yet">
            Every execution and every run is written down here within seconds, and never changed.
          </EmptyNote>
        )
      }
    >
      {(entry) => <Entry key={entry.seq} entry={entry} />}
    </PagedRows>
  );
}

function Entry({ entry }: { entry: AuditEntry }) {
  const { seq, type, subject, occurred_at, hash } = entry;
  return (
    <li>
      <details className={classes.entry}>
        <summary>
          <span className={classes.seq}>{formatCount(seq)}</span>
          <span className={classes.what}>
            <b>{type}</b>
            <span>{subject}</span>
          </span>
          <span className={classes.hash}>{hash.slice(0, 12)}</span>
          <time className={classes.time} dateTime={occurred_at}>
            {formatMoment(occurred_at)}
          </time>
        </summary>
        <div className={classes.details}>
          <dl className={classes.facts}>
            <dt>Event</dt>
            <dd>{entry.event_id}</dd>
            <dt>User</dt>
            <dd>{entry.owner ?? '–'}</dd>
            <dt>Recorded</dt>
            <dd>{formatMoment(entry.recorded_at)}</dd>
            <dt>Hash</dt>
            <dd>
              <Group gap="xs" wrap="nowrap">
                <Code>{hash}</Code>
                <CopyIcon label={`Copy the hash of entry ${seq}`} text={hash} />
              </Group>
            </dd>
            <dt>Hash of the entry before</dt>
            <dd>
              <Code>{entry.prev_hash}</Code>
            </dd>
          </dl>
          <JsonText label={`Event of entry ${seq}`} value={entry.event as Json} />
        </div>
      </details>
    </li>
  );
}
