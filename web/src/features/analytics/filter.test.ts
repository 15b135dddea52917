import { describe, expect, it } from 'vitest';

import { grainOf, queryOf, readFilter } from '@/features/analytics/filter';

const NOW = Date.parse('2026-03-10T09:20:00Z');

describe('a range', () => {
  it('of 24 hours ends with the hour that goes on', () => {
    expect(queryOf({ range: '24h' }, NOW)).toEqual({
      from: '2026-03-09T10:00:00.000Z',
      to: '2026-03-10T10:00:00.000Z',
    });
    expect(grainOf({ range: '24h' })).toBe('hour');
  });

  it('of days includes today', () => {
    expect(queryOf({}, NOW)).toEqual({ from: '2026-03-04', to: '2026-03-10' });
    expect(queryOf({ range: '90d' }, NOW).from).toBe('2025-12-11');
    expect(grainOf({})).toBe('day');
  });

  it("of the reader's own is shown by hour up to two days", () => {
    expect(grainOf({ from: '2026-03-01', to: '2026-03-02' })).toBe('hour');
    expect(grainOf({ from: '2026-03-01', to: '2026-03-03' })).toBe('day');
  });
});

it('what an address cannot mean is left out', () => {
  const filter = readFilter({
    from: '2026-13-45',
    to: 'x',
    range: '5y',
    of: 'all',
    by: 'luck',
    model: 7,
    group: 'legal',
  });
  expect(Object.entries(filter).filter(([, value]) => value !== undefined)).toEqual([['group', 'legal']]);
});
