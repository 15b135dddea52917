import { Badge, Button, Code } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';

import { ConfirmButton } from '@/components/confirm-button';
import { EmptyNote } from '@/components/empty-note';
import { PagedRows } from '@/components/paged-rows';
import classes from '@/components/rows.module.css';
import { type ApiKey, listKeysOptions, useKey } from '@/features/keys/api/keys';
import { RotateKey } from '@/features/keys/components/rotate-key';
import { formatAgo, formatDay, formatMoment, formatUsd } from '@/lib/format';

/** Keys with what they may do, when they were used last and when they end. */
export function KeyList({ onAdd }: { onAdd: () => void }) {
  const keys = useInfiniteQuery(listKeysOptions);
  return (
    <PagedRows
      query={keys}
      noun="API keys"
      empty={
        <EmptyNote
          title="No API keys yet"
          action={
            <Button variant="default" onClick={onAdd}>
              New API key
            </Button>
          }
        >
          A key lets a program of yours work on your behalf, for as long and with as much as you say.
        </EmptyNote>
      }
    >
      {(key) => <Row key={key.id} of={key} />}
    </PagedRows>
  );
}

function Row({ of }: { of: ApiKey }) {
  const { revoke } = useKey(of.id);
  const { name, prefix, scopes, agents, status, budget } = of;
  return (
    <li className={classes.row}>
      <div className={classes.main}>
        <strong>{name}</strong> {status === 'expired' && <Badge color="red">Expired</Badge>}
        <span className={classes.note}>
          {scopes.join(', ')}
          {agents && <> · only {agents.join(', ')}</>}
        </span>
        <span className={classes.note}>
          <Code>{prefix}…</Code>
        </span>
        {of.previous_secret_until && (
          <span className={classes.note}>
            The old secret is accepted until {formatMoment(of.previous_secret_until)}
          </span>
        )}
      </div>
      <div className={classes.side}>
        <span className={classes.fact} data-wide>
          {of.last_used_at ? (
            <>
              Used <time dateTime={of.last_used_at}>{formatAgo(of.last_used_at)}</time>
            </>
          ) : (
            'Never used'
          )}
        </span>
        <span className={classes.fact} data-wide>
          {status === 'expired' ? 'Ended' : 'Until'} <time dateTime={of.expires_at}>{formatDay(of.expires_at)}</time>
        </span>
        <span className={classes.fact} data-wide>
          {formatUsd(budget.spent_usd)}
          {budget.ceiling_usd === null ? ' this month' : ` of ${formatUsd(budget.ceiling_usd)}`}
        </span>
        <div className={classes.actions}>
          <RotateKey of={of} />
          <ConfirmButton
            size="compact-sm"
            label={`Revoke ${name}`}
            question={`Revoke ${name}?`}
            consequence="It is refused from the next request on. What uses it stops working, and triggers that it made start nothing more."
            yes="Revoke"
            no="Keep it"
            isPending={revoke.isPending}
            error={revoke.error}
            onConfirm={(close) => revoke.mutate(undefined, { onSuccess: close })}
          >
            Revoke
          </ConfirmButton>
        </div>
      </div>
    </li>
  );
}
