import { Anchor, NativeSelect } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

import {
  budgetsOptions,
  type Consumption,
  errorsOptions,
  groupsOptions,
  latencyOptions,
  tokensOf,
  topAgentsOptions,
  usersOptions,
  workflowsOptions,
} from '@/features/analytics/api/reports';
import classes from '@/features/analytics/components/analytics.module.css';
import { ReportPanel, ShareBar } from '@/features/analytics/components/report-panel';
import type { AnalyticsFilter, Order } from '@/features/analytics/filter';
import type { Names } from '@/features/analytics/names';
import { formatAgo, formatCompact, formatCount, formatDuration, formatMoment, formatUsd } from '@/lib/format';
import { titleOf } from '@/lib/json-schema/titles';

interface TableProps {
  filter: AnalyticsFilter;
}

interface NarrowingTableProps extends TableProps {
  onChange: (filter: AnalyticsFilter) => void;
}

interface NamingTableProps extends TableProps {
  names: Names;
}

const ORDERS: { value: Order; label: string }[] = [
  { value: 'executions', label: 'Most executed' },
  { value: 'cost_usd', label: 'Dearest' },
  { value: 'failed', label: 'Most failures' },
  { value: 'duration_ms', label: 'Slowest' },
];

const part = (share: number | null) => (share === null ? '–' : `${(share * 100).toFixed(1)} %`);
const time = (milliseconds: number | null) => (milliseconds === null ? '–' : formatDuration(milliseconds));

/** The agents that stand out. */
export function TopAgents({ filter, onChange, names }: NarrowingTableProps & NamingTableProps) {
  const agents = useQuery(topAgentsOptions(filter));
  return (
    <ReportPanel
      title="Top agents"
      name="agents"
      filter={filter}
      query={agents}
      rowsOf={({ items }) => items}
      keyOf={({ agent_id }) => agent_id}
      empty="No agent was executed."
      actions={
        <NativeSelect
          size="xs"
          className={classes.order ?? ''}
          aria-label="Order of the agents"
          data={ORDERS}
          value={filter.by ?? 'executions'}
          onChange={({ currentTarget: { value } }) =>
            onChange({ ...filter, by: value === 'executions' ? undefined : (value as Order) })
          }
        />
      }
      columns={[
        { label: 'Agent', show: ({ agent_id }) => <Agent id={agent_id} names={names} /> },
        { label: 'Executions', show: ({ executions }) => formatCount(executions), isFigure: true },
        { label: 'Failed', show: ({ failed }) => formatCount(failed), isFigure: true },
        { label: 'Success', show: ({ success_share }) => part(success_share), isFigure: true },
        { label: 'Cost', show: ({ cost_usd }) => formatUsd(cost_usd), isFigure: true },
        { label: 'Tokens', show: (row) => formatCompact(tokensOf(row)), isFigure: true },
        { label: 'p50', show: ({ p50_ms }) => time(p50_ms), isFigure: true },
        { label: 'p95', show: ({ p95_ms }) => time(p95_ms), isFigure: true },
      ]}
    />
  );
}

function Agent({ id, names: { AgentName, groupName } }: { id: string; names: Names }) {
  const [group = '', name = ''] = id.split('/');
  return (
    <>
      <Anchor inherit renderRoot={(props) => <Link {...props} to="/agents/$group/$name" params={{ group, name }} />}>
        <AgentName id={id} />
      </Anchor>
      <span className={classes.sub}>{groupName(group)}</span>
    </>
  );
}

/** What each group of agents cost, beside the dearest. */
export function CostByGroup({ filter, onChange, names }: NarrowingTableProps & NamingTableProps) {
  const groups = useQuery(groupsOptions(filter));
  const most = Math.max(0, ...(groups.data?.items.map(({ cost_usd }) => cost_usd) ?? []));
  return (
    <ReportPanel
      title="Cost by group"
      name="groups"
      filter={filter}
      query={groups}
      rowsOf={({ items }) => items}
      keyOf={({ group }) => group}
      empty="Nothing was spent."
      columns={[
        {
          label: 'Group',
          show: ({ group, cost_usd }) => (
            <>
              <Narrow onClick={() => onChange({ ...filter, group })}>{names.groupName(group)}</Narrow>
              <ShareBar share={most > 0 ? cost_usd / most : 0} />
            </>
          ),
        },
        { label: 'Executions', show: ({ executions }) => formatCount(executions), isFigure: true },
        { label: 'Cost', show: ({ cost_usd }) => formatUsd(cost_usd), isFigure: true },
      ]}
    />
  );
}

/** How fast each model answered. */
export function TimesByModel({ filter, onChange }: NarrowingTableProps) {
  const models = useQuery(latencyOptions(filter));
  return (
    <ReportPanel
      title="Times by model"
      name="latency"
      filter={filter}
      query={models}
      rowsOf={({ items }) => items}
      keyOf={({ name }) => name}
      empty="No model was asked."
      columns={[
        {
          label: 'Model',
          show: ({ name }) => <Narrow onClick={() => onChange({ ...filter, model: name })}>{name}</Narrow>,
        },
        { label: 'Executions', show: ({ executions }) => formatCount(executions), isFigure: true },
        { label: 'p50', show: ({ p50_ms }) => time(p50_ms), isFigure: true },
        { label: 'p95', show: ({ p95_ms }) => time(p95_ms), isFigure: true },
        { label: 'p99', show: ({ p99_ms }) => time(p99_ms), isFigure: true },
      ]}
    />
  );
}

/** Who spent what; for administrators. */
export function CostByUser({ filter, onChange }: NarrowingTableProps) {
  const users = useQuery(usersOptions(filter));
  return (
    <ReportPanel
      title="Cost by user"
      name="users"
      filter={filter}
      query={users}
      rowsOf={({ items }) => items}
      keyOf={({ user_id }) => user_id}
      empty="Nobody executed anything."
      columns={[
        {
          label: 'User',
          show: ({ user_id, email, name }) => (
            <>
              <Narrow onClick={() => onChange({ ...filter, user: user_id })}>{name ?? email ?? user_id}</Narrow>
              <span className={classes.sub}>{email ?? 'The account is gone'}</span>
            </>
          ),
        },
        { label: 'Executions', show: ({ executions }) => formatCount(executions), isFigure: true },
        { label: 'Success', show: ({ success_share }) => part(success_share), isFigure: true },
        { label: 'Cost', show: ({ cost_usd }) => formatUsd(cost_usd), isFigure: true },
      ]}
    />
  );
}

/** Why executions failed; runs of workflows are told with the workflows. */
export function ErrorBreakdown({ filter, names }: NamingTableProps) {
  const errors = useQuery(errorsOptions(filter));
  return (
    <ReportPanel
      title="Failed executions"
      name="errors"
      filter={filter}
      query={errors}
      rowsOf={({ items }) => items}
      keyOf={({ code, agent_id }) => `${code} ${agent_id}`}
      empty="No execution of an agent failed."
      columns={[
        { label: 'Reason', show: ({ code }) => titleOf(code) },
        { label: 'Agent', show: ({ agent_id }) => <Agent id={agent_id} names={names} /> },
        { label: 'Times', show: ({ count }) => formatCount(count), isFigure: true },
        {
          label: 'Of all failures',
          show: ({ share }) => (
            <>
              {part(share)}
              <ShareBar share={share} />
            </>
          ),
          isFigure: true,
        },
      ]}
    />
  );
}

/** How runs of workflows went. */
export function WorkflowSuccess({ filter }: TableProps) {
  const workflows = useQuery(workflowsOptions(filter));
  return (
    <ReportPanel
      title="Workflows"
      name="workflows"
      filter={filter}
      query={workflows}
      rowsOf={({ items }) => items}
      keyOf={({ workflow_id }) => workflow_id}
      empty="No workflow was run."
      columns={[
        {
          label: 'Workflow',
          show: ({ workflow_id, workflow_name }) => (
            <Anchor
              inherit
              renderRoot={(props) => <Link {...props} to="/workflows/$id" params={{ id: workflow_id }} />}
            >
              {workflow_name}
            </Anchor>
          ),
        },
        { label: 'Runs', show: ({ runs }) => formatCount(runs), isFigure: true },
        { label: 'Running', show: ({ running }) => formatCount(running), isFigure: true },
        { label: 'Failed', show: ({ failed }) => formatCount(failed), isFigure: true },
        { label: 'Stopped', show: ({ stopped }) => formatCount(stopped), isFigure: true },
        { label: 'Success', show: ({ success_share }) => part(success_share), isFigure: true },
        { label: 'Mean time', show: ({ mean_duration_ms }) => time(mean_duration_ms), isFigure: true },
        { label: 'Cost', show: ({ cost_usd }) => formatUsd(cost_usd), isFigure: true },
      ]}
      below={({ failures }) =>
        failures.length > 0 && (
          <div className={classes.failures}>
            <h3>The latest that went wrong</h3>
            <ul>
              {failures.slice(0, 5).map(({ run_id, workflow_name, status, error_code, started_at }) => (
                <li key={run_id}>
                  <Anchor inherit renderRoot={(props) => <Link {...props} to="/runs/$id" params={{ id: run_id }} />}>
                    {workflow_name}
                  </Anchor>
                  <span>{error_code ? titleOf(error_code) : titleOf(status)}</span>
                  <time dateTime={started_at} title={formatMoment(started_at)}>
                    {formatAgo(started_at)}
                  </time>
                </li>
              ))}
            </ul>
          </div>
        )
      }
    />
  );
}

/** How much of this month's budgets is gone: the reader's own first. */
export function BudgetsGone({ filter, names }: NamingTableProps) {
  const budgets = useQuery(budgetsOptions);
  return (
    <ReportPanel
      title="Budgets this month"
      name="budgets"
      filter={filter}
      query={budgets}
      rowsOf={({ mine, items }) => [mine, ...items.filter(({ kind, id }) => kind !== mine.kind || id !== mine.id)]}
      keyOf={({ kind, id }) => `${kind} ${id}`}
      empty="There are no budgets."
      columns={[
        {
          label: 'Budget of',
          show: (row) => <Holder budget={row} isMine={row === budgets.data?.mine} names={names} />,
        },
        {
          label: 'Used',
          show: ({ used_share }) => (
            <>
              {used_share === null ? 'No ceiling to use' : part(used_share)}
              <ShareBar share={used_share ?? 0} level={levelOf(used_share)} />
            </>
          ),
        },
        {
          label: 'Spent',
          show: ({ budget }) => `${formatUsd(budget.spent_usd)} of ${formatUsd(budget.ceiling_usd)}`,
          isFigure: true,
        },
        { label: 'At this rate', show: ({ projected_usd }) => formatUsd(projected_usd), isFigure: true },
      ]}
    />
  );
}

interface HolderProps {
  budget: Consumption;
  isMine: boolean;
  names: Names;
}

function Holder({ budget: { kind, id, name }, isMine, names }: HolderProps): ReactNode {
  if (isMine) return 'You';
  return kind === 'agent' ? <Agent id={id} names={names} /> : (name ?? id);
}

function levelOf(share: number | null): 'high' | 'over' | undefined {
  if (share === null || share < 0.75) return undefined;
  return share < 0.95 ? 'high' : 'over';
}

/** Narrows all figures of the page to one name. */
function Narrow({ children, onClick }: { children: ReactNode; onClick: () => void }) {
  return (
    <Anchor component="button" type="button" inherit ta="left" onClick={onClick}>
      {children}
    </Anchor>
  );
}
