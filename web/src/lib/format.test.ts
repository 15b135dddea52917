import { expect, it } from 'vitest';

import {
  formatAgo,
  formatAhead,
  formatBytes,
  formatDate,
  formatDay,
  formatDuration,
  formatMonth,
  formatNumber,
  formatSeconds,
  formatUsd,
} from '@/lib/format';

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

it('sizes, seconds, days and months read as people say them', () => {
  expect([820, 64_000, 999_800, 3_200_000].map(formatBytes)).toEqual(['820 B', '64 kB', '1.0 MB', '3.2 MB']);
  expect([9, 61].map(formatSeconds)).toEqual(['9 s', '1 min 01 s']);
  expect(formatDay('2026-12-01T00:00:00Z')).toBe('1 Dec 2026');
  expect(formatMonth('2026-11')).toBe('November 2026');
});

it('what is left of a time reads in its largest unit', () => {
  const now = Date.parse('2026-03-04T12:00:00Z');
  expect(formatAhead('2026-03-06T13:00:00Z', now)).toBe('2 days');
  expect(formatAhead('2026-03-04T13:30:00Z', now)).toBe('1 hour');
  expect(formatAhead('2026-03-04T12:05:30Z', now)).toBe('5 minutes');
  expect(formatAhead('2026-03-04T11:00:00Z', now)).toBe('no time');
});
