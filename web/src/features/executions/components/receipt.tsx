import { Anchor } from '@mantine/core';
import { Link } from '@tanstack/react-router';

import type { Execution } from '@/features/executions/api/get-execution';
import classes from '@/features/executions/components/receipt.module.css';
import { formatCount, formatDuration, formatUsd } from '@/lib/format';

/** What a run cost: money, time and tokens, and which model was asked. */
export function Receipt({ execution, linkToRecord }: { execution: Execution; linkToRecord: boolean }) {
  const { usage } = execution;
  const cached = usage.cache_read_tokens;
  return (
    <div className={classes.receipt}>
      <dl className={classes.entries}>
        <Entry name="Cost" value={formatUsd(execution.cost_usd)} />
        <Entry name="Time" value={formatDuration(execution.duration_ms)} />
        <Entry
          name="Tokens in"
          value={formatCount(usage.input_tokens + usage.cache_write_tokens + cached)}
          note={cached > 0 ? `${formatCount(cached)} cached` : undefined}
        />
        <Entry name="Tokens out" value={formatCount(usage.output_tokens)} />
        <Entry name="Model" value={execution.model} note={PROVIDERS[execution.provider]} />
      </dl>
      {linkToRecord && (
        <Anchor
          className={classes.record}
          renderRoot={(props) => <Link {...props} to="/executions/$id" params={{ id: execution.id }} />}
        >
          Open the record
        </Anchor>
      )}
    </div>
  );
}

/** Who answered for the model that was asked for, where it is not its maker. */
const PROVIDERS: Record<Execution['provider'], string | undefined> = {
  anthropic: undefined,
  bedrock: 'on Bedrock',
  offline: 'offline',
};

function Entry({ name, value, note }: { name: string; value: string; note?: string | undefined }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        {value}
        {note && <span className={classes.note}> {note}</span>}
      </dd>
    </div>
  );
}
