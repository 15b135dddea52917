import { Badge, Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { ProblemAlert } from '@/components/problem-alert';
import { getEvaluationOptions } from '@/features/evaluations/api/get-evaluation';
import type { EvaluationSummary } from '@/features/evaluations/api/list-evaluations';
import { CaseLine } from '@/features/evaluations/components/case-line';
import classes from '@/features/evaluations/components/evaluations-panel.module.css';
import { formatAgo, formatMoment, formatUsd } from '@/lib/format';

interface EvaluationLineProps {
  evaluation: EvaluationSummary;
  startsOpen: boolean;
}

/** One evaluation: how many cases passed and, opened, each case. */
export function EvaluationLine({ evaluation, startsOpen }: EvaluationLineProps) {
  const [isOpen, setOpen] = useState(startsOpen);
  const { data, error } = useQuery({ ...getEvaluationOptions(evaluation.id), enabled: isOpen });
  // The newer of the two: the list is looked at again as well.
  const known = data && data.status !== 'running' ? data : evaluation;
  return (
    <li>
      <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)} className={classes.evaluation}>
        <summary className={classes.summary}>
          <Outcome evaluation={known} />
          <span>Version {known.agent_version}</span>
          {known.provider === 'offline' && <Badge color="gray">Offline model</Badge>}
          <span className={classes.facts}>
            {known.status === 'finished' && `${formatUsd(known.cost_usd)} · `}
            <time dateTime={known.started_at} title={formatMoment(known.started_at)}>
              {formatAgo(known.started_at)}
            </time>
          </span>
        </summary>
        {error && <ProblemAlert error={error} />}
        {known.status === 'failed' && <p className={classes.why}>{known.error?.message}</p>}
        {isOpen && !data && !error && <Skeleton height={32} radius={0} />}
        <ul className={classes.cases}>
          {data?.results.map((result) => (
            <CaseLine key={result.case} result={result} />
          ))}
        </ul>
      </details>
    </li>
  );
}

function Outcome({ evaluation }: { evaluation: EvaluationSummary }) {
  if (evaluation.status === 'running') return <Badge color="yellow">Running</Badge>;
  if (evaluation.status === 'failed') return <Badge color="red">Not carried out</Badge>;
  const all = evaluation.passed === evaluation.cases;
  return (
    <Badge color={all ? 'pine' : 'red'}>
      {evaluation.passed} of {evaluation.cases} passed
    </Badge>
  );
}
