import { useId } from 'react';

import classes from '@/features/agents/components/agent-team.module.css';
import { type TeamLayout, teamLayout, type TeamMode } from '@/features/agents/team-layout';

const RADIUS = 11;
/** Between the edge of a circle and the line that ends there. */
const GAP = 4;

/** Who works with whom, as a small picture: numbered members, and the agent itself as the filled circle. */
export function TeamPicture({ mode, count, label }: { mode: TeamMode; count: number; label: string }) {
  const arrow = useId();
  const { width, height, members, lead, task, links } = teamLayout(mode, count);
  return (
    <svg role="img" aria-label={label} width={width} height={height} viewBox={`0 0 ${width} ${height}`}>
      <marker id={arrow} viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">
        <path d="M1 1 L7 4 L1 7" className={classes.tip} />
      </marker>
      {links.map((link, place) => (
        <line
          key={place}
          {...shortened(link)}
          className={classes.link}
          markerEnd={link.isOneWay ? `url(#${arrow})` : undefined}
        />
      ))}
      {task && <circle cx={task.x} cy={task.y} r={4} className={classes.task} />}
      {members.map((member, place) => (
        <g key={place}>
          <circle cx={member.x} cy={member.y} r={RADIUS} className={classes.member} />
          <text x={member.x} y={member.y} className={classes.number}>
            {place + 1}
          </text>
        </g>
      ))}
      <circle cx={lead.x} cy={lead.y} r={RADIUS} className={classes.lead} />
    </svg>
  );
}

/** A line from edge to edge of two circles rather than from middle to middle. */
function shortened({ from, to }: TeamLayout['links'][number]) {
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const [x, y] = [((to.x - from.x) / length) * (RADIUS + GAP), ((to.y - from.y) / length) * (RADIUS + GAP)];
  return { x1: from.x + x, y1: from.y + y, x2: to.x - x, y2: to.y - y };
}
