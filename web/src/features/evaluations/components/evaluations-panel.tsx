import { Button, Checkbox, NativeSelect, Skeleton, Text } from '@mantine/core';
import { IconChecklist } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { Panel } from '@/components/panel';
import { ProblemAlert } from '@/components/problem-alert';
import { useCreateEvaluation } from '@/features/evaluations/api/create-evaluation';
import { listEvaluationsOptions } from '@/features/evaluations/api/list-evaluations';
import { listVersionsOptions } from '@/features/evaluations/api/list-versions';
import { EvaluationLine } from '@/features/evaluations/components/evaluation-line';
import classes from '@/features/evaluations/components/evaluations-panel.module.css';

interface EvaluationsPanelProps {
  agentId: string;
  /** Today's version. */
  current: string;
}

/** How an agent's answers stood up to its cases, by version; and a further evaluation. */
export function EvaluationsPanel({ agentId, current }: EvaluationsPanelProps) {
  const [group = '', name = ''] = agentId.split('/');
  const evaluations = useInfiniteQuery(listEvaluationsOptions(agentId));
  const versions = useQuery(listVersionsOptions(group, name));
  const create = useCreateEvaluation(agentId);
  const [version, setVersion] = useState(current);
  const [judge, setJudge] = useState(false);
  const items = evaluations.data?.pages.flatMap((page) => page.items) ?? [];
  const others = versions.data?.items.filter((each) => each.version !== current) ?? [];
  return (
    <Panel
      title="Evaluations"
      isFlush
      actions={
        <>
          {others.length > 0 && (
            <NativeSelect
              size="xs"
              aria-label="Version to evaluate"
              value={version}
              onChange={(event) => setVersion(event.currentTarget.value)}
              data={[
                { value: current, label: `${current}, today’s` },
                ...others.map((each) => ({ value: each.version, label: each.version })),
              ]}
            />
          )}
          <Checkbox
            size="xs"
            label="With a judge"
            checked={judge}
            onChange={(event) => setJudge(event.currentTarget.checked)}
          />
          <Button
            size="xs"
            variant="default"
            leftSection={<IconChecklist size={14} stroke={1.75} aria-hidden="true" />}
            loading={create.isPending}
            onClick={() => create.mutate({ version: version === current ? null : version, judge })}
          >
            Evaluate
          </Button>
        </>
      }
    >
      {create.isError && (
        <div className={classes.note}>
          <ProblemAlert error={create.error} title="It was not evaluated" />
        </div>
      )}
      {evaluations.isError && !evaluations.data && (
        <div className={classes.note}>
          <ProblemAlert error={evaluations.error} onRetry={() => void evaluations.refetch()} />
        </div>
      )}
      {evaluations.isPending && <Skeleton height={48} radius={0} role="status" aria-label="Loading evaluations" />}
      {evaluations.data && items.length === 0 && (
        <Text size="sm" c="dimmed" className={classes.note}>
          Nobody has evaluated this agent yet. An evaluation runs it in each of its cases, as executions of yours, and
          holds the answers to what an expert expects.
        </Text>
      )}
      {items.length > 0 && (
        <ul className={classes.list}>
          {items.map((evaluation, place) => (
            <EvaluationLine key={evaluation.id} evaluation={evaluation} startsOpen={place === 0} />
          ))}
        </ul>
      )}
      {evaluations.hasNextPage && (
        <div className={classes.note}>
          <Button
            size="xs"
            variant="default"
            loading={evaluations.isFetchingNextPage}
            onClick={() => void evaluations.fetchNextPage()}
          >
            Show more
          </Button>
        </div>
      )}
    </Panel>
  );
}
