import { Accordion } from '@mantine/core';

import { Panel } from '@/components/panel';
import { stepKind } from '@/components/workflow-graph/step-kinds';
import { StepStatusBadge } from '@/components/workflow-graph/step-status';
import type { RunStep } from '@/features/runs/api/get-run';
import classes from '@/features/runs/components/run-steps.module.css';
import { StepDetails } from '@/features/runs/components/step-details';
import { formatDuration, formatUsd } from '@/lib/format';

interface RunStepsProps {
  steps: readonly RunStep[];
  opened: string | null;
  onOpen: (stepId: string | null) => void;
}

/** Every step in the order of the workflow, with its time and cost; opened, what went in and what came out. */
export function RunSteps({ steps, opened, onOpen }: RunStepsProps) {
  const parents = new Map(steps.map(({ id, parent }) => [id, parent]));
  const depthOf = (id: string | null): number => (id === null ? -1 : 1 + depthOf(parents.get(id) ?? null));
  return (
    <Panel title="Steps" isFlush>
      <Accordion value={opened} onChange={onOpen} chevronPosition="left" order={3} classNames={{ item: classes.item }}>
        {steps.map((step) => (
          <Accordion.Item key={step.id} value={step.id} id={`step-${step.id}`}>
            <Accordion.Control style={{ paddingLeft: `${0.75 + 1.25 * depthOf(step.id)}rem` }}>
              <span className={classes.line}>
                <span className={classes.name}>
                  <span className={classes.title}>{step.title}</span>
                  <span className={classes.kind}>{factsOf(step)}</span>
                </span>
                <StepStatusBadge status={step.status} />
              </span>
            </Accordion.Control>
            <Accordion.Panel>{opened === step.id && <StepDetails step={step} />}</Accordion.Panel>
          </Accordion.Item>
        ))}
      </Accordion>
    </Panel>
  );
}

function factsOf({ kind, duration_ms, cost_usd, tries, counts }: RunStep): string {
  return [
    stepKind(kind).label,
    counts &&
      `${counts.succeeded + counts.failed} of ${counts.total}${counts.failed > 0 ? `, ${counts.failed} failed` : ''}`,
    duration_ms !== null && formatDuration(duration_ms),
    tries > 1 && (kind === 'loop' ? `${tries} rounds` : `${tries} tries`),
    cost_usd !== null && cost_usd > 0 && formatUsd(cost_usd),
  ]
    .filter(Boolean)
    .join(' · ');
}
