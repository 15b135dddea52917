import type { ComponentType } from 'react';

import { type Graph, isTerminal, lanesOf, type StepState } from '@/components/workflow-graph/graph';
import { StepLabel } from '@/components/workflow-graph/step-label';
import classes from '@/components/workflow-graph/workflow-graph.module.css';

interface StepOutlineProps {
  graph: Graph;
  states?: ReadonlyMap<string, StepState> | undefined;
  onSelect?: ((stepId: string) => void) | undefined;
  AgentName: ComponentType<{ id: string }>;
}

/** The workflow in words: numbered steps, and those that a step holds under it. */
export function StepOutline(props: StepOutlineProps) {
  return <Lanes {...props} parent={null} />;
}

function Lanes({ parent, ...shared }: StepOutlineProps & { parent: string | null }) {
  const { graph, states, onSelect, AgentName } = shared;
  return lanesOf(graph, parent).map(({ label, nodes }) => (
    <div key={label}>
      {label !== null && <p className={classes.laneName}>{label}</p>}
      <ol className={classes.outline}>
        {nodes
          .filter((node) => !isTerminal(node))
          .map((node) => {
            const words = <StepLabel node={node} state={states?.get(node.id)} AgentName={AgentName} />;
            return (
              <li key={node.id} data-status={states?.get(node.id)?.status}>
                {onSelect ? (
                  <button type="button" className={classes.line} onClick={() => onSelect(node.id)}>
                    {words}
                  </button>
                ) : (
                  <div className={classes.line}>{words}</div>
                )}
                <Lanes {...shared} parent={node.id} />
              </li>
            );
          })}
      </ol>
    </div>
  ));
}
