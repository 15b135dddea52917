import { Anchor } from '@mantine/core';
import { Link } from '@tanstack/react-router';

import type { Execution } from '@/features/executions/api/get-execution';
import classes from '@/features/executions/components/receipt.module.css';
import { formatCount, formatDuration, formatUsd } from '@/lib/format';

/** What a run cost, the agents that it put to work included: money, time and tokens, and which model was asked. */
export function Receipt({ execution, linkToRecord }: { execution: Execution; linkToRecord: boolean }) {
  const { usage } = execution;
  const cached = usage.cache_read_tokens;
  const delegated = execution.delegated_cost_usd;
  const taken = usage.input_tokens + usage.cache_write_tokens + cached;
  return (
    <div className={classes.receipt}>
      <dl className={classes.entries}>
        {/* Tokens of the offline model have a list price as well, but nobody pays it. */}
        <Entry
          name={execution.provider === 'offline' ? 'Cost, not charged' : 'Cost'}
          value={formatUsd(execution.cost_usd + delegated)}
          note={delegated > 0 ? `of which ${formatUsd(delegated)} by other agents` : undefined}
        />
        <Entry name="Time" value={formatDuration(execution.duration_ms)} />
        <Entry
          name="Tokens"
          value={`${formatCount(taken)} in · ${formatCount(usage.output_tokens)} out`}
          note={cached > 0 ? `· ${formatCount(cached)} cached` : undefined}
        />
        <Entry
          name="Model"
          value={execution.model}
          note={execution.provider === 'bedrock' ? 'on Bedrock' : undefined}
        />
      </dl>
      {linkToRecord && (
        <Anchor
          className={classes.record}
          renderRoot={(props) => <Link {...props} to="/executions/$id" params={{ id: execution.id }} />}
        >
          Open record
        </Anchor>
      )}
    </div>
  );
}

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
