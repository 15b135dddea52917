import { ActionIcon, Tooltip } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { IconMinus, IconPlus } from '@tabler/icons-react';
import { type ComponentType, useId, useMemo, useState } from 'react';

import { type Graph, isTerminal, type StepState } from '@/components/workflow-graph/graph';
import { labelWidth, type PlacedNode, pictureOf } from '@/components/workflow-graph/layout';
import { StepLabel } from '@/components/workflow-graph/step-label';
import classes from '@/components/workflow-graph/workflow-graph.module.css';

export interface WorkflowDrawingProps {
  graph: Graph;
  states?: ReadonlyMap<string, StepState> | undefined;
  selected?: string | undefined;
  onSelect?: ((stepId: string) => void) | undefined;
  AgentName: ComponentType<{ id: string }>;
}

const MARGIN = 16;
/** Smaller than this nobody can read it: then it scrolls. */
const SMALLEST_FIT = 0.7;
const ZOOMS = [0.4, 0.55, 0.7, 0.85, 1, 1.25, 1.5];

/** Boxes and lines from top to bottom. It is as wide as its frame if that can be read, and scrolls where not. */
export default function WorkflowDrawing({ graph, states, selected, onSelect, AgentName }: WorkflowDrawingProps) {
  const picture = useMemo(() => pictureOf(graph), [graph]);
  const { ref, width: room } = useElementSize();
  const [chosen, setChosen] = useState<number | null>(null);
  const arrow = useId();

  const [width, height] = [picture.width + 2 * MARGIN, picture.height + 2 * MARGIN];
  const fitting = room > 0 ? Math.min(1, Math.max(SMALLEST_FIT, room / width)) : 1;
  const zoom = chosen ?? fitting;
  const smaller = ZOOMS.findLast((step) => step < zoom - 0.01);
  const larger = ZOOMS.find((step) => step > zoom + 0.01);

  return (
    <div className={classes.drawing}>
      <div className={classes.tools}>
        <Zoom label="Smaller" to={smaller} onChoose={setChosen} Icon={IconMinus} />
        <Zoom label="Larger" to={larger} onChoose={setChosen} Icon={IconPlus} />
      </div>
      {/* A region that scrolls can be reached and moved by keyboard. */}
      <div ref={ref} className={classes.scroll} tabIndex={0} role="group" aria-label="Picture of the workflow">
        <div className={classes.sheet} style={{ width: width * zoom, height: height * zoom }}>
          <div style={{ width, height, transform: `scale(${zoom})`, transformOrigin: '0 0' }}>
            <svg className={classes.lines} width={width} height={height} aria-hidden="true">
              <marker
                id={arrow}
                viewBox="0 0 8 8"
                refX="6.5"
                refY="4"
                markerWidth="8"
                markerHeight="8"
                orient="auto"
                markerUnits="userSpaceOnUse"
              >
                <path d="M1 1 L7 4 L1 7" />
              </marker>
              <g transform={`translate(${MARGIN} ${MARGIN})`}>
                {picture.edges.map(({ source, target, path }) => (
                  <path key={`${source} ${target}`} d={path} markerEnd={`url(#${arrow})`} />
                ))}
              </g>
            </svg>
            {picture.lanes.map((lane) => (
              <div key={`${lane.label} ${lane.x} ${lane.y}`} className={classes.lane} style={placeOf(lane)}>
                <span>{lane.label}</span>
              </div>
            ))}
            {picture.nodes.map((placed) => (
              <Box
                key={placed.node.id}
                placed={placed}
                state={states?.get(placed.node.id)}
                isSelected={placed.node.id === selected}
                onSelect={onSelect}
                AgentName={AgentName}
              />
            ))}
            {picture.edges.map(
              ({ source, target, label }) =>
                label && (
                  <span
                    key={`${source} ${target}`}
                    className={classes.edgeLabel}
                    title={label.text}
                    style={{ left: label.x + MARGIN, top: label.y + MARGIN, maxWidth: labelWidth(label.text) }}
                  >
                    {label.text}
                  </span>
                ),
            )}
          </div>
        </div>
      </div>
    </div>
  );
}

interface BoxProps {
  placed: PlacedNode;
  state: StepState | undefined;
  isSelected: boolean;
  onSelect: ((stepId: string) => void) | undefined;
  AgentName: ComponentType<{ id: string }>;
}

/** A step; where it can be chosen, its line is a button. */
function Box({ placed, state, isSelected, onSelect, AgentName }: BoxProps) {
  const { node, isFrame } = placed;
  if (isTerminal(node)) {
    return (
      <div className={classes.terminal} style={placeOf(placed)}>
        {node.title}
      </div>
    );
  }
  const label = <StepLabel node={node} state={state} AgentName={AgentName} />;
  return (
    <div
      className={classes.box}
      data-frame={isFrame || undefined}
      data-status={state?.status}
      data-selected={isSelected || undefined}
      style={placeOf(placed)}
    >
      {onSelect ? (
        <button type="button" className={classes.line} aria-pressed={isSelected} onClick={() => onSelect(node.id)}>
          {label}
        </button>
      ) : (
        <div className={classes.line}>{label}</div>
      )}
    </div>
  );
}

function placeOf({ x, y, width, height }: { x: number; y: number; width: number; height: number }) {
  return { left: x + MARGIN, top: y + MARGIN, width, height };
}

interface ZoomProps {
  label: string;
  to: number | undefined;
  onChoose: (zoom: number) => void;
  Icon: typeof IconPlus;
}

function Zoom({ label, to, onChoose, Icon }: ZoomProps) {
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="default"
        aria-label={label}
        disabled={to === undefined}
        onClick={() => to !== undefined && onChoose(to)}
      >
        <Icon size={14} stroke={2} />
      </ActionIcon>
    </Tooltip>
  );
}
