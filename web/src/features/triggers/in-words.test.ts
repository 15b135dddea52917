import { describe, expect, it } from 'vitest';

import { whenInWords } from '@/features/triggers/in-words';

const cron = (text: string) => ({
  schedule: { cron: text, rate: null, at: null, timezone: 'Europe/Berlin' },
  event: null,
});

describe('when a trigger starts a run', () => {
  it.each([
    ['0 8 * * MON-FRI', 'At 08:00 on weekdays (Europe/Berlin)'],
    ['30 17 * * *', 'At 17:30 every day (Europe/Berlin)'],
    ['0 8 1 * *', 'At 08:00 on day 1 of each month (Europe/Berlin)'],
    ['5 * * * *', 'Every hour at 05 minutes past (Europe/Berlin)'],
    ['*/7 3-5 * JAN MON', '*/7 3-5 * JAN MON (Europe/Berlin)'],
  ])('%s reads "%s"', (text, words) => {
    expect(whenInWords(cron(text))).toBe(words);
  });

  it('names a moment with the zone of its clock, a rate, and an event with its conditions', () => {
    const schedule = { cron: null, rate: null, at: '2027-01-04T08:00:00', timezone: 'UTC' };
    expect(whenInWords({ schedule, event: null })).toBe('Once, 2027-01-04 08:00:00 (UTC)');
    expect(whenInWords({ schedule: { ...schedule, at: null, rate: '15 minutes' }, event: null })).toBe(
      'Every 15 minutes',
    );
    const event = { type: 'agent.executed' as const, match: { status: ['failed', 'cancelled'] } };
    expect(whenInWords({ schedule: null, event })).toBe('An agent has been executed, status: failed or cancelled');
  });
});
