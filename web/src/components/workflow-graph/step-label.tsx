import { VisuallyHidden } from '@mantine/core';
import type { ComponentType } from 'react';

import type { GraphNode, StepState } from '@/components/workflow-graph/graph';
import { stepKind } from '@/components/workflow-graph/step-kinds';
import { StepStatusIcon, stepStatusLabel } from '@/components/workflow-graph/step-status';
import classes from '@/components/workflow-graph/workflow-graph.module.css';

interface StepLabelProps {
  node: GraphNode;
  state?: StepState | undefined;
  /** Shows what an agent is called, by its id. */
  AgentName: ComponentType<{ id: string }>;
}

/** A step in two lines: what it is called, who does it and how it stands. */
export function StepLabel({ node, state, AgentName }: StepLabelProps) {
  const { label, Icon } = stepKind(node.kind);
  return (
    <>
      <span className={classes.sign}>
        <Icon size={18} stroke={1.75} aria-hidden="true" />
      </span>
      <span className={classes.words}>
        <span className={classes.title}>{node.title}</span>
        <span className={classes.kind}>
          {node.agent ? <AgentName id={node.agent} /> : label}
          {state?.note && ` · ${state.note}`}
        </span>
      </span>
      {state && (
        <span className={classes.status}>
          <StepStatusIcon status={state.status} size={16} />
          <VisuallyHidden>{stepStatusLabel(state.status)}</VisuallyHidden>
        </span>
      )}
    </>
  );
}
