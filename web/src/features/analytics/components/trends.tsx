import { Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { lazy, type ReactNode, Suspense } from 'react';

import { type Point, seriesOptions } from '@/features/analytics/api/reports';
import classes from '@/features/analytics/components/analytics.module.css';
import { CsvButton } from '@/features/analytics/components/csv-button';
import { type AnalyticsFilter, type Grain, grainOf } from '@/features/analytics/filter';
import { type Series, SERIES_COLOURS } from '@/components/chart/series';
import type { TimeChart as TimeChartOf } from '@/components/chart/time-chart';
import { Panel } from '@/components/panel';
import { ProblemAlert } from '@/components/problem-alert';
import { formatCompact, formatCount, formatDay, formatDuration, formatUsd } from '@/lib/format';

/** The library that draws is large: the figures above do not wait for it. */
const TimeChart = lazy(async () => ({
  default: (await import('@/components/chart/time-chart')).TimeChart,
})) as unknown as typeof TimeChartOf;

const [GREEN, RED, OCHRE, BLUE] = SERIES_COLOURS;

interface Chart {
  title: string;
  shape: 'bars' | 'area' | 'lines';
  series: Series<Point>[];
  format: (value: number) => string;
  tickFormat?: (value: number) => string;
}

const CHARTS: Chart[] = [
  {
    title: 'Executions',
    shape: 'bars',
    format: formatCount,
    tickFormat: formatCompact,
    series: [
      { key: 'succeeded', label: 'Succeeded', colour: GREEN },
      { key: 'failed', label: 'Failed', colour: RED },
      { key: 'cancelled', label: 'Cancelled', colour: OCHRE },
    ],
  },
  {
    title: 'Cost',
    shape: 'area',
    format: formatUsd,
    series: [{ key: 'cost_usd', label: 'Cost', colour: GREEN }],
  },
  {
    title: 'Tokens',
    shape: 'bars',
    format: formatCount,
    tickFormat: formatCompact,
    series: [
      { key: 'input_tokens', label: 'Input', colour: BLUE },
      { key: 'cache_read_tokens', label: 'Input read from the cache', colour: GREEN },
      { key: 'cache_write_tokens', label: 'Input written to the cache', colour: RED },
      { key: 'output_tokens', label: 'Output', colour: OCHRE },
    ],
  },
  {
    title: 'Times',
    shape: 'lines',
    format: formatDuration,
    series: [
      { key: 'p50_ms', label: 'Half took at most', colour: GREEN },
      { key: 'p95_ms', label: '95 of 100', colour: OCHRE, dashes: '6 3' },
      { key: 'p99_ms', label: '99 of 100', colour: RED, dashes: '2 3' },
    ],
  },
];

/** Executions, cost, tokens and times, hour by hour or day by day. */
export function Trends({ filter }: { filter: AnalyticsFilter }) {
  const found = useQuery(seriesOptions(filter));
  const grain = (found.data?.grain ?? grainOf(filter)) as Grain;
  if (found.isError && !found.data) return <ProblemAlert error={found.error} onRetry={() => void found.refetch()} />;
  return (
    <div className={classes.pair} data-stale={found.isPlaceholderData || undefined}>
      {CHARTS.map(({ title, series, ...chart }) => (
        <Panel
          key={title}
          title={`${title} by ${grain}`}
          actions={title === 'Executions' && <CsvButton name="timeseries" what="All series" filter={filter} />}
        >
          <Waiting isReady={found.data !== undefined}>
            <TimeChart
              title={`${title} by ${grain}`}
              points={found.data?.points ?? []}
              nameOf={grain === 'hour' ? hourName : dayName}
              tickOf={grain === 'hour' ? hourTick : dayTick}
              series={series}
              {...chart}
            />
          </Waiting>
        </Panel>
      ))}
    </div>
  );
}

function Waiting({ isReady, children }: { isReady: boolean; children: ReactNode }) {
  const blank = <Skeleton height={258} role="status" aria-label="Loading the chart" aria-busy="true" />;
  return isReady ? <Suspense fallback={blank}>{children}</Suspense> : blank;
}

const TICK = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });

const hourTick = ({ period }: Point) => `${period.slice(11, 13)}:00`;
const hourName = (point: Point) => `${formatDay(point.period)}, ${hourTick(point)}`;
const dayTick = ({ period }: Point) => TICK.format(Date.parse(period));
const dayName = ({ period }: Point) => formatDay(period);
