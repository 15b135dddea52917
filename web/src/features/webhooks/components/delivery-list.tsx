import { Badge, Button, Code, Text } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';

import { PagedRows } from '@/components/paged-rows';
import { Panel } from '@/components/panel';
import { ProblemAlert } from '@/components/problem-alert';
import classes from '@/components/rows.module.css';
import { type Delivery, listDeliveriesOptions, useWebhook } from '@/features/webhooks/api/webhooks';
import { DELIVERY_STATES } from '@/features/webhooks/in-words';
import { formatAgo, formatDuration, formatMoment } from '@/lib/format';

/** What was sent to a webhook in the last 30 days, and how it was answered. */
export function DeliveryList({ webhookId }: { webhookId: string }) {
  const deliveries = useInfiniteQuery(listDeliveriesOptions(webhookId));
  return (
    <Panel title="Deliveries">
      <PagedRows
        query={deliveries}
        noun="deliveries"
        empty={
          <Text size="sm" c="dimmed">
            Nothing was sent yet. Send a ping to try the receiver.
          </Text>
        }
      >
        {(delivery) => <Row key={delivery.id} webhookId={webhookId} delivery={delivery} />}
      </PagedRows>
    </Panel>
  );
}

function Row({ webhookId, delivery }: { webhookId: string; delivery: Delivery }) {
  const { redeliver } = useWebhook(webhookId);
  const { id, type, subject, state, created_at, next_at, attempts } = delivery;
  const last = attempts.at(-1);
  return (
    <li className={classes.row}>
      <div className={classes.main}>
        {type} <Badge color={DELIVERY_STATES[state].color}>{DELIVERY_STATES[state].label}</Badge>
        <span className={classes.note}>
          {subject} · <time dateTime={created_at}>{formatAgo(created_at)}</time>
          {next_at && state === 'pending' && attempts.length > 0 && <> · again at {formatMoment(next_at)}</>}
        </span>
        {last && (
          <details>
            <summary className={classes.note}>
              {attempts.length === 1 ? '1 attempt' : `${attempts.length} attempts`}, last:{' '}
              {last.error ?? `HTTP ${last.status ?? '–'}`}
            </summary>
            <ol>
              {attempts.map((attempt) => (
                <li key={attempt.at}>
                  <Text size="xs" component="span">
                    {formatMoment(attempt.at)}, {formatDuration(attempt.duration_ms)}:{' '}
                    {attempt.error ?? `HTTP ${attempt.status ?? '–'}`}
                  </Text>
                  {attempt.answer && <Code block>{attempt.answer}</Code>}
                </li>
              ))}
            </ol>
          </details>
        )}
        {redeliver.isError && <ProblemAlert error={redeliver.error} title="It was not sent again" />}
      </div>
      <div className={classes.side}>
        {state !== 'pending' && (
          <Button
            size="compact-sm"
            variant="default"
            aria-label={`Send ${type} of ${formatMoment(created_at)} again`}
            loading={redeliver.isPending}
            onClick={() => redeliver.mutate(id)}
          >
            Send again
          </Button>
        )}
      </div>
    </li>
  );
}
