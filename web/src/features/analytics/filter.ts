/** How far back a report looks, from now. */
export const PRESETS = [
  { value: '24h', label: '24 hours' },
  { value: '7d', label: '7 days' },
  { value: '30d', label: '30 days' },
  { value: '90d', label: '90 days' },
] as const;

export type Preset = (typeof PRESETS)[number]['value'];
export type Order = 'executions' | 'cost_usd' | 'failed' | 'duration_ms';
export type Grain = 'hour' | 'day';

/** What narrows the figures; kept in the page's address. */
export interface AnalyticsFilter {
  /** Left out, seven days, or from `from` to `to` where those are given. */
  range?: Preset | undefined;
  /** Dates (UTC); both count whole. */
  from?: string | undefined;
  to?: string | undefined;
  group?: string | undefined;
  agent?: string | undefined;
  model?: string | undefined;
  /** For administrators, who see everybody's otherwise. */
  of?: 'mine' | undefined;
  /** One user's, by id; for administrators. */
  user?: string | undefined;
  /** What stands first among the agents. */
  by?: Order | undefined;
}

export interface ReportQuery {
  from: string;
  to: string;
  group?: string;
  agent_id?: string;
  model?: string;
  scope?: 'mine';
  owner?: string;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const DAYS: Record<Exclude<Preset, '24h'>, number> = { '7d': 7, '30d': 30, '90d': 90 };
const ORDERS: readonly string[] = ['executions', 'cost_usd', 'failed', 'duration_ms'] satisfies Order[];
const DATE = /^\d{4}-\d{2}-\d{2}$/;

/** What an address says; anything that it should not say is left out. */
export function readFilter(search: Record<string, unknown>): AnalyticsFilter {
  const text = (name: string) => {
    const value = search[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const date = (name: string) => {
    const value = text(name);
    return value !== undefined && DATE.test(value) && !Number.isNaN(Date.parse(value)) ? value : undefined;
  };
  const [from, to, range, by] = [date('from'), date('to'), text('range'), text('by')];
  return {
    range: from && to ? undefined : PRESETS.find(({ value }) => value === range)?.value,
    from: from && to ? from : undefined,
    to: from && to ? to : undefined,
    group: text('group'),
    agent: text('agent'),
    model: text('model'),
    of: search['of'] === 'mine' ? 'mine' : undefined,
    user: text('user'),
    by: ORDERS.includes(by ?? '') ? (by as Order) : undefined,
  };
}

/** The choice that a filter stands for. */
export function presetOf({ range, from }: AnalyticsFilter): Preset | 'own' {
  return from === undefined ? (range ?? '7d') : 'own';
}

/** Hours for two days and less, days for more. */
export function grainOf(filter: AnalyticsFilter): Grain {
  const preset = presetOf(filter);
  if (preset !== 'own') return preset === '24h' ? 'hour' : 'day';
  return Date.parse(filter.to ?? '') - Date.parse(filter.from ?? '') < 2 * DAY ? 'hour' : 'day';
}

/** What the API is asked, at this moment. */
export function queryOf(filter: AnalyticsFilter, now: number): ReportQuery {
  const { group, agent, model, of, user } = filter;
  return {
    ...boundsOf(filter, now),
    ...(group ? { group } : {}),
    ...(agent ? { agent_id: agent } : {}),
    ...(model ? { model } : {}),
    ...(of ? { scope: of } : {}),
    ...(user ? { owner: user } : {}),
  };
}

/** The last days as dates, both of which count whole. */
export function lastDays(count: number, now: number): { from: string; to: string } {
  const date = (time: number) => new Date(time).toISOString().slice(0, 10);
  return { from: date(now - (count - 1) * DAY), to: date(now) };
}

function boundsOf(filter: AnalyticsFilter, now: number): { from: string; to: string } {
  const preset = presetOf(filter);
  if (preset === 'own') return { from: filter.from ?? '', to: filter.to ?? '' };
  if (preset !== '24h') return lastDays(DAYS[preset], now);
  const end = Math.ceil(now / HOUR) * HOUR;
  return { from: new Date(end - DAY).toISOString(), to: new Date(end).toISOString() };
}
