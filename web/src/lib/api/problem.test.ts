import { expect, it, vi } from 'vitest';

import { problemFrom } from '@/lib/api/problem';

const after = (value: string) => problemFrom(429, {}, new Headers({ 'retry-after': value })).retryAfter;

it('when to try again is read as seconds or as a date', () => {
  vi.setSystemTime('2026-03-04T12:00:00Z');
  expect(after('23')).toBe(23);
  expect(after('Wed, 04 Mar 2026 12:00:42 GMT')).toBe(42);
  expect(after('Wed, 04 Mar 2026 11:00:00 GMT')).toBe(0);
  expect(after('soon')).toBeNull();
  expect(problemFrom(429, {}, new Headers()).retryAfter).toBeNull();
  vi.useRealTimers();
});
