import { expect, it } from 'vitest';

import { teamLayout } from '@/features/agents/team-layout';

const MODES = ['sequential', 'parallel', 'supervisor', 'debate'] as const;
const SIZES = [2, 3, 4, 5, 6, 7, 8];

it.each(MODES)('everybody in a %s team of any size stands inside the picture, and nobody on another', (mode) => {
  for (const size of SIZES) {
    const { width, height, members, lead, links } = teamLayout(mode, size);
    const all = [...members, lead];
    expect(members).toHaveLength(size);
    for (const { x, y } of all) {
      expect([x >= 12, x <= width - 12, y >= 12, y <= height - 12]).toEqual([true, true, true, true]);
    }
    const gaps = all.flatMap((one, place) =>
      all.slice(place + 1).map((two) => Math.hypot(one.x - two.x, one.y - two.y)),
    );
    expect(Math.min(...gaps)).toBeGreaterThan(24);
    expect(links.length).toBeGreaterThanOrEqual(size);
  }
});

it('a chain hands on from one to the next, and ends with the agent itself', () => {
  const { members, lead, links } = teamLayout('sequential', 3);
  expect(links.map(({ from, to }) => [from, to])).toEqual([
    [members[0], members[1]],
    [members[1], members[2]],
    [members[2], lead],
  ]);
});
