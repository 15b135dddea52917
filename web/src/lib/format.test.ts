import { expect, it } from 'vitest';

import { formatAgo, formatDate, formatDuration, formatNumber, formatUsd } from '@/lib/format';

it('numbers are grouped from five digits on, so that years stay whole', () => {
  expect(formatNumber(2026)).toBe('2026');
  expect(formatNumber(320892.32)).toBe('320,892.32');
  expect(formatNumber(-0.0425)).toBe('-0.0425');
});

it('costs have as many places as they need', () => {
  expect([0, 0.00003, 0.0042, 0.0117, 1.2].map(formatUsd)).toEqual([
    '$0.00',
    '< $0.0001',
    '$0.0042',
    '$0.0117',
    '$1.20',
  ]);
});

it('durations are told in the unit that fits', () => {
  expect([240, 3210, 42_000, 125_000].map(formatDuration)).toEqual(['240 ms', '3.2 s', '42 s', '2 min 05 s']);
});

it('dates are written out, and what is no date is left alone', () => {
  expect(formatDate('2026-03-04')).toBe('4 Mar 2026');
  expect(formatDate('2026-13-45')).toBe('2026-13-45');
  expect(formatDate('next Tuesday')).toBe('next Tuesday');
});

it('moments are told from now', () => {
  const now = Date.parse('2026-03-04T12:00:00Z');
  expect(formatAgo('2026-03-04T11:59:30Z', now)).toBe('just now');
  expect(formatAgo('2026-03-04T11:48:00Z', now)).toBe('12 minutes ago');
  expect(formatAgo('2026-03-03T12:00:00Z', now)).toBe('yesterday');
});
