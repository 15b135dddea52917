import { Button, Skeleton } from '@mantine/core';
import type { InfiniteData, UseInfiniteQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';

import { ProblemAlert } from '@/components/problem-alert';
import classes from '@/components/rows.module.css';

interface PagedRowsProps<Item> {
  query: UseInfiniteQueryResult<InfiniteData<{ items: Item[] }>>;
  /** What is listed, in a word: "runs". */
  noun: string;
  /** Stands where there is nothing. */
  empty: ReactNode;
  /** One `li` with the class `row`. */
  children: (item: Item) => ReactNode;
  /** Where the list is only an extract: no way to further pages. */
  isExtract?: boolean;
}

/** A list in pages: placeholders while it is asked for, a fault with another try, and more on demand. */
export function PagedRows<Item>({ query, noun, empty, children, isExtract = false }: PagedRowsProps<Item>) {
  if (query.isError && !query.data) return <ProblemAlert error={query.error} onRetry={() => void query.refetch()} />;
  if (query.isPending) {
    return (
      <div aria-busy="true" aria-label={`Loading ${noun}`}>
        {Array.from({ length: 4 }, (_, row) => (
          <Skeleton key={row} height={52} mb={8} />
        ))}
      </div>
    );
  }
  const items = query.data.pages.flatMap((page) => page.items);
  if (items.length === 0 && !query.hasNextPage) return empty;
  return (
    <>
      <ul className={classes.list} data-stale={query.isPlaceholderData || undefined}>
        {items.map(children)}
      </ul>
      {query.isFetchNextPageError && <ProblemAlert error={query.error} />}
      {query.hasNextPage && !isExtract && (
        <div className={classes.more}>
          <Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            Show more
          </Button>
        </div>
      )}
    </>
  );
}
