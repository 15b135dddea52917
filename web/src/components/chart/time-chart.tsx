import { useId } from 'react';
import {
  Area,
  AreaChart,
  Bar,
  BarChart,
  CartesianGrid,
  Line,
  LineChart,
  ResponsiveContainer,
  Tooltip,
  XAxis,
  YAxis,
} from 'recharts';

import { figureOf, isAlone, type Series } from '@/components/chart/series';
import classes from '@/components/chart/time-chart.module.css';

interface TimeChartProps<Point> {
  /** What is drawn, for those who hear it. */
  title: string;
  points: Point[];
  /** The moment of a point, in words. */
  nameOf: (point: Point) => string;
  /** The same, short enough for an axis. */
  tickOf: (point: Point) => string;
  series: Series<Point>[];
  /** How a figure reads. */
  format: (value: number) => string;
  /** The same, short enough for an axis; left out, as it reads. */
  tickFormat?: (value: number) => string;
  /** `bars` are counted up per period, stacked; an `area` is one amount; `lines` are figures beside each other. */
  shape: 'bars' | 'area' | 'lines';
}

const HEIGHT = 200;
const AXIS = { fontSize: 12, fill: 'var(--ink-soft)' };

/** Figures over time: a picture, and the same as a table for whoever reads or hears it rather. */
export function TimeChart<Point>(props: TimeChartProps<Point>) {
  const { title, points, series, nameOf, format } = props;
  const caption = useId();
  return (
    <figure className={classes.figure} aria-labelledby={caption}>
      <figcaption id={caption} hidden>
        {title}
      </figcaption>
      {series.length > 1 && (
        <ul className={classes.legend}>
          {series.map(({ key, label, colour, dashes }) => (
            <li key={key}>
              <span
                className={classes.mark}
                style={{ borderColor: colour, borderTopStyle: dashes ? 'dashed' : 'solid' }}
                aria-hidden="true"
              />
              {label}
            </li>
          ))}
        </ul>
      )}
      <div aria-hidden="true" data-chart={props.shape}>
        <Picture {...props} />
      </div>
      <details className={classes.table}>
        <summary>As a table</summary>
        <div className={classes.scroll} tabIndex={0} role="region" aria-label={`${title}, as a table`}>
          <table>
            <thead>
              <tr>
                <th scope="col">Time (UTC)</th>
                {series.map(({ key, label }) => (
                  <th key={key} scope="col">
                    {label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {points.map((point) => (
                <tr key={nameOf(point)}>
                  <td>{nameOf(point)}</td>
                  {series.map(({ key }) => {
                    const value = figureOf(point, key);
                    return <td key={key}>{value === null ? '–' : format(value)}</td>;
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}

function Picture<Point>({ points, nameOf, tickOf, series, format, tickFormat, shape }: TimeChartProps<Point>) {
  const rows = points.map((point, index) => ({
    index,
    ...Object.fromEntries(series.map(({ key }) => [key, figureOf(point, key)])),
  }));
  const drawn: { key: string; colour: string }[] = series;
  const pointAt = (index: number) => points[index];
  const axes = [
    <CartesianGrid key="grid" vertical={false} stroke="var(--line)" />,
    <XAxis
      key="x"
      dataKey="index"
      tick={AXIS}
      tickLine={false}
      axisLine={{ stroke: 'var(--line-strong)' }}
      minTickGap={28}
      tickFormatter={(index: number) => {
        const point = pointAt(index);
        return point === undefined ? '' : tickOf(point);
      }}
    />,
    <YAxis
      key="y"
      width={64}
      tick={AXIS}
      tickLine={false}
      axisLine={false}
      tickFormatter={tickFormat ?? format}
      tickCount={4}
    />,
    <Tooltip
      key="tip"
      isAnimationActive={false}
      cursor={{ fill: 'var(--ink)', fillOpacity: 0.05, stroke: 'var(--line-strong)' }}
      content={({ active, label }) => {
        const point = active && typeof label === 'number' ? pointAt(label) : undefined;
        if (point === undefined) return null;
        return (
          <div className={classes.tip}>
            <p>{nameOf(point)}</p>
            <ul>
              {series.map(({ key, label: name }) => {
                const value = figureOf(point, key);
                return (
                  <li key={key}>
                    {name}: {value === null ? '–' : format(value)}
                  </li>
                );
              })}
            </ul>
          </div>
        );
      }}
    />,
  ];
  const margin = { top: 8, right: 8, bottom: 0, left: 0 };
  return (
    <ResponsiveContainer width="100%" height={HEIGHT} initialDimension={{ width: 600, height: HEIGHT }}>
      {shape === 'bars' ? (
        <BarChart data={rows} margin={margin}>
          {axes}
          {drawn.map(({ key, colour }) => (
            <Bar key={key} dataKey={key} stackId="all" fill={colour} isAnimationActive={false} />
          ))}
        </BarChart>
      ) : shape === 'area' ? (
        <AreaChart data={rows} margin={margin}>
          {axes}
          {drawn.map(({ key, colour }) => (
            <Area key={key} dataKey={key} stroke={colour} fill={colour} fillOpacity={0.14} isAnimationActive={false} />
          ))}
        </AreaChart>
      ) : (
        <LineChart data={rows} margin={margin}>
          {axes}
          {series.map(({ key, colour, dashes }) => (
            <Line
              key={key}
              dataKey={(row: Record<string, number | null>) => row[key] ?? null}
              stroke={colour}
              strokeWidth={1.75}
              {...(dashes ? { strokeDasharray: dashes } : {})}
              dot={({ cx, cy, index }: { cx?: number; cy?: number; index: number }) =>
                isAlone(points, index, key) ? (
                  <circle key={index} cx={cx} cy={cy} r={3} fill={colour} />
                ) : (
                  <g key={index} />
                )
              }
              isAnimationActive={false}
            />
          ))}
        </LineChart>
      )}
    </ResponsiveContainer>
  );
}
