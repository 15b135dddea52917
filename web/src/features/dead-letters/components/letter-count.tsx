import { Badge } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';

import { openLettersOptions } from '@/features/dead-letters/api/dead-letters';

/** How many letters are open, as a small figure; nothing where there is none. */
export function LetterCount() {
  const { data } = useInfiniteQuery(openLettersOptions);
  const count = data?.pages.reduce((sum, { items }) => sum + items.length, 0) ?? 0;
  if (count === 0) return null;
  const shown = data?.pages.at(-1)?.next_cursor ? `${count}+` : String(count);
  return (
    <Badge color="red" role="img" aria-label={`${shown} open`}>
      {shown}
    </Badge>
  );
}
