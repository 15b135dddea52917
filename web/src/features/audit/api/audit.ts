import { infiniteQueryOptions, keepPreviousData, useMutation } from '@tanstack/react-query';
import { useState } from 'react';

import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';
import { fetchFile, saveFile } from '@/lib/download';

export type AuditEntry = components['schemas']['AuditEntryView'];
export type Verification = components['schemas']['VerificationView'];

/** What narrows the log; kept in the page's address. */
export interface AuditFilter {
  type?: string | undefined;
  subject?: string | undefined;
  owner?: string | undefined;
  /** Dates (UTC); the second counts whole. */
  from?: string | undefined;
  to?: string | undefined;
}

const PAGE_SIZE = 30;
const EXPORTED_AT_ONCE = 10_000;

/** What an address says; anything that it should not say is left out. */
export function readFilter(search: Record<string, unknown>): AuditFilter {
  const text = (name: string) => {
    const value = search[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  return { type: text('type'), subject: text('subject'), owner: text('owner'), from: text('from'), to: text('to') };
}

/** What happened, the newest first. */
export function listEntriesOptions({ type, subject, owner, from, to }: AuditFilter) {
  return infiniteQueryOptions({
    queryKey: ['audit', { type, subject, owner, from, to }],
    queryFn: ({ pageParam, signal }) =>
      answerOf(
        api.GET('/api/v1/audit', {
          params: {
            query: {
              limit: PAGE_SIZE,
              ...(type ? { type } : {}),
              ...(subject ? { subject } : {}),
              ...(owner ? { owner } : {}),
              ...(from ? { from } : {}),
              ...(to ? { to } : {}),
              ...(pageParam ? { cursor: pageParam } : {}),
            },
          },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
}

/** Checks the whole chain, as many calls as that takes; `reached` tells how far it is. */
export function useVerification() {
  const [reached, setReached] = useState<Verification | null>(null);
  const verify = useMutation({
    mutationFn: async () => {
      setReached(null);
      let found = await verifyFrom(1);
      while (found.intact && found.verified_to < found.head_seq) {
        setReached(found);
        found = await verifyFrom(found.verified_to + 1);
      }
      return found;
    },
  });
  return { verify, reached };
}

function verifyFrom(seq: number): Promise<Verification> {
  return answerOf(api.GET('/api/v1/audit/verify', { params: { query: { from_seq: seq } } }));
}

/** Stores the log whole, in as many calls as that takes; `reached` tells how many entries have come. */
export function useExport() {
  const [reached, setReached] = useState(0);
  const save = useMutation({
    mutationFn: async () => {
      const parts: Blob[] = [];
      let after: string | null = '0';
      while (after !== null) {
        setReached(Number(after));
        const query: string = new URLSearchParams({ after_seq: after, limit: String(EXPORTED_AT_ONCE) }).toString();
        const part = await fetchFile(`/api/v1/audit/export?${query}`);
        parts.push(part.content);
        after = part.headers.get('x-next-after-seq');
      }
      saveFile('audit-log.ndjson', new Blob(parts, { type: 'application/x-ndjson' }));
    },
  });
  return { save, reached };
}
