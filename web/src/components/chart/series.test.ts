import { expect, it } from 'vitest';

import { isAlone } from '@/components/chart/series';

const at = (...figures: (number | null)[]) => figures.map((ms) => ({ ms }));

it.each([
  [at(null, 5, null), 1, true],
  [at(5), 0, true],
  [at(5, null), 0, true],
  [at(5, 6), 0, false],
  [at(null, 5, 6), 1, false],
  [at(null, null), 0, false],
  [at(0), 0, true],
])('a figure without neighbours is alone: %j, %i', (points, index, alone) => {
  expect(isAlone(points, index, 'ms')).toBe(alone);
});
