import { VisuallyHidden } from '@mantine/core';

import { type Overview, type Period, tokensOf } from '@/features/analytics/api/reports';
import classes from '@/features/analytics/components/analytics.module.css';
import { formatCompact, formatCount, formatDuration, formatUsd } from '@/lib/format';

interface Tile {
  label: string;
  of: (period: Period) => number | null;
  format: (value: number) => string;
  /** Parts of the whole are compared by points, amounts by what part was added. */
  isShare?: boolean;
}

const percent = (share: number) => `${(share * 100).toFixed(share < 1 && share > 0.99 ? 2 : 1)} %`;

const TILES: Tile[] = [
  { label: 'Executions', of: ({ executions }) => executions, format: formatCount },
  { label: 'Success', of: ({ success_share }) => success_share, format: percent, isShare: true },
  { label: 'Cost', of: ({ cost_usd }) => cost_usd, format: formatUsd },
  { label: 'Tokens in and out', of: tokensOf, format: formatCompact },
  { label: 'Half took at most', of: ({ p50_ms }) => p50_ms, format: formatDuration },
  { label: '95 of 100 took at most', of: ({ p95_ms }) => p95_ms, format: formatDuration },
  { label: 'Answered from the cache', of: ({ cached }) => cached, format: formatCount },
  { label: 'Handed to a person', of: ({ escalated }) => escalated, format: formatCount },
];

/** The range in eight figures, each beside the range just as long before. */
export function OverviewTiles({ overview, isStale }: { overview: Overview; isStale: boolean }) {
  return (
    <ul className={classes.tiles} aria-label="Overview" data-stale={isStale || undefined}>
      {TILES.map((tile) => {
        const now = tile.of(overview.now);
        return (
          <li key={tile.label} className={classes.tile}>
            <div className={classes.label}>{tile.label}</div>
            <div className={classes.value}>{now === null ? '–' : tile.format(now)}</div>
            <Change tile={tile} now={now} before={tile.of(overview.before)} />
          </li>
        );
      })}
    </ul>
  );
}

function Change({ tile, now, before }: { tile: Tile; now: number | null; before: number | null }) {
  const grown = now === null || before === null ? null : growth(now, before, tile.isShare ?? false);
  if (grown === null || before === null) return <div className={classes.change}>Nothing before to compare</div>;
  const { arrow, text } = grown;
  return (
    <div className={classes.change}>
      <span aria-hidden="true">{arrow} </span>
      {text}
      <VisuallyHidden> than the period before</VisuallyHidden> <span>({tile.format(before)} before)</span>
    </div>
  );
}

function growth(now: number, before: number, isShare: boolean): { arrow: string; text: string } | null {
  if (!isShare && before === 0) return now === 0 ? { arrow: '=', text: 'the same' } : null;
  const change = isShare ? (now - before) * 100 : ((now - before) / before) * 100;
  const size = Math.abs(change);
  if (size < 0.05) return { arrow: '=', text: 'the same' };
  const shown = size >= 1000 ? formatCount(Math.round(size)) : size.toFixed(size < 10 ? 1 : 0);
  const text = `${shown} ${isShare ? 'points' : '%'} ${change > 0 ? 'more' : 'less'}`;
  return { arrow: change > 0 ? '↑' : '↓', text };
}
