import { Badge, Button } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { EmptyNote } from '@/components/empty-note';
import { PagedRows } from '@/components/paged-rows';
import classes from '@/components/rows.module.css';
import { listWebhooksOptions, type Webhook } from '@/features/webhooks/api/webhooks';
import { formatAgo } from '@/lib/format';

interface WebhookListProps {
  isPlatformWide: boolean;
  onAdd: () => void;
}

/** Webhooks with what they are told of and how they do. */
export function WebhookList({ isPlatformWide, onAdd }: WebhookListProps) {
  const webhooks = useInfiniteQuery(listWebhooksOptions(isPlatformWide));
  return (
    <PagedRows
      query={webhooks}
      noun="webhooks"
      empty={
        <EmptyNote
          title="No webhooks yet"
          action={
            <Button variant="default" onClick={onAdd}>
              New webhook
            </Button>
          }
        >
          A webhook tells a program of yours, signed and within seconds, that an agent was executed or a run ended.
        </EmptyNote>
      }
    >
      {(webhook) => <Row key={webhook.id} webhook={webhook} />}
    </PagedRows>
  );
}

function Row({ webhook }: { webhook: Webhook }) {
  const { id, url, description, events, failing_since } = webhook;
  return (
    <li className={classes.row}>
      <div className={classes.main}>
        <Link to="/webhooks/$id" params={{ id }} className={classes.link}>
          {description || url}
        </Link>
        <span className={classes.note}>
          {description && <>{url} · </>}
          {events.join(', ')}
        </span>
      </div>
      <div className={classes.side}>
        {failing_since && <Badge color="yellow">Failing since {formatAgo(failing_since)}</Badge>}
        <WebhookStatus webhook={webhook} />
      </div>
    </li>
  );
}

/** Whether events are sent to it. */
export function WebhookStatus({ webhook: { enabled, disabled } }: { webhook: Webhook }) {
  if (enabled) return <Badge color="pine">Enabled</Badge>;
  return <Badge color={disabled ? 'red' : 'gray'}>{disabled ? 'Disabled by the platform' : 'Disabled'}</Badge>;
}
