import type { Trigger } from '@/features/triggers/api/list-triggers';
import { formatMoment } from '@/lib/format';

/** What each event is called. */
export const EVENTS = {
  'agent.executed': 'An agent has been executed',
  'workflow.started': 'A run has started',
  'workflow.completed': 'A run has succeeded',
  'workflow.failed': 'A run has failed',
} as const;

export type EventType = keyof typeof EVENTS;

const DAYS: Record<string, string> = {
  '*': 'every day',
  'MON-FRI': 'on weekdays',
  MON: 'on Mondays',
  TUE: 'on Tuesdays',
  WED: 'on Wednesdays',
  THU: 'on Thursdays',
  FRI: 'on Fridays',
  SAT: 'on Saturdays',
  SUN: 'on Sundays',
};

/** When a trigger starts a run: "At 08:00 on weekdays (Europe/Berlin)". */
export function whenInWords({ schedule, event }: Pick<Trigger, 'schedule' | 'event'>): string {
  if (event) {
    const conditions = Object.entries(event.match).map(([field, values]) => `${field}: ${values.join(' or ')}`);
    return [EVENTS[event.type], ...conditions].join(', ');
  }
  if (schedule?.at) {
    const at = /(Z|[+-]\d\d:\d\d)$/.test(schedule.at)
      ? formatMoment(schedule.at)
      : `${schedule.at.replace('T', ' ')} (${schedule.timezone})`;
    return `Once, ${at}`;
  }
  if (schedule?.rate) return `Every ${schedule.rate}`;
  return `${cronInWords(schedule?.cron ?? '')} (${schedule?.timezone ?? 'UTC'})`;
}

/** The common cases of a crontab line in words; any other stays as it is. */
function cronInWords(cron: string): string {
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = cron.split(/\s+/);
  const days = DAYS[weekday];
  if (/^\d+$/.test(minute) && month === '*') {
    const past = minute.padStart(2, '0');
    if (hour === '*' && day === '*' && weekday === '*') return `Every hour at ${past} minutes past`;
    if (/^\d+$/.test(hour)) {
      const time = `At ${hour.padStart(2, '0')}:${past}`;
      if (day === '*' && days) return `${time} ${days}`;
      if (/^\d+$/.test(day) && weekday === '*') return `${time} on day ${day} of each month`;
    }
  }
  return cron;
}
