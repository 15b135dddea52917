import { http, HttpResponse, type RequestHandler } from 'msw';

import type { components } from '@/lib/api/schema';
import { type FakeIdentity, problem } from '@/testing/platform';

type Schemas = components['schemas'];
export type Letter = Schemas['DeadLetterDetail'];
export type AuditEntry = Schemas['AuditEntryView'];

const API = 'http://localhost:3000/api/v1';

/** A refusal as the API gives it to somebody who is no administrator. */
export const ADMINISTRATORS_ONLY = () => problem(403, 'forbidden', 'Only administrators may look at this.');

export function letter(changes: Partial<Letter> = {}): Letter {
  return {
    id: 'letter-1',
    source: 'relay-kafka',
    state: 'open',
    event_id: 'event-1',
    type: 'agent.executed',
    subject: 'legal/nda-reviewer',
    code: 'event_unreadable',
    message: 'The outbox item holds no event of the platform.',
    tries: 3,
    failed_at: '2026-03-04T09:30:00Z',
    arrived_at: '2026-03-04T09:30:01Z',
    changed_at: null,
    changed_by: null,
    note: null,
    payload: { redrive: { subject: 'legal/nda-reviewer', event_id: 'event-1' } },
    ...changes,
  };
}

export function entry(seq: number, changes: Partial<AuditEntry> = {}): AuditEntry {
  return {
    seq,
    event_id: `event-${seq}`,
    type: 'agent.executed',
    subject: 'legal/nda-reviewer',
    owner: '019ab2c4-7d10-7c3e-9f52-6f1f0f3a9b11',
    occurred_at: '2026-03-04T09:30:00Z',
    recorded_at: '2026-03-04T09:30:01Z',
    event: { id: `event-${seq}`, type: 'agent.executed' },
    canonical: '{}',
    hash: `${seq}`.padStart(64, 'a'),
    prev_hash: `${seq - 1}`.padStart(64, 'a'),
    ...changes,
  };
}

interface Asked {
  method: string;
  path: string;
  query: Record<string, string>;
  body: unknown;
}

/** What operators look at: dead letters and the audit log. */
export class FakeRecords {
  readonly asked: Asked[] = [];
  /** Answered instead of everything else, once set. */
  refusal: ReturnType<typeof problem> | null = null;
  /** What a redrive comes to. */
  redriven: Partial<Letter> = { state: 'redriven' };
  verification: Partial<Schemas['VerificationView']> = {};
  letters: Letter[];
  entries: AuditEntry[];
  pageSize = 30;

  constructor({ letters = [], entries = [] }: { letters?: Letter[]; entries?: AuditEntry[] } = {}) {
    this.letters = letters;
    this.entries = entries;
  }

  handlers(identity: FakeIdentity): RequestHandler[] {
    const on =
      (answer: (asked: Asked, id: string) => Response) =>
      async ({ request, params }: { request: Request; params: Record<string, unknown> }) => {
        const refusal = identity.refusal(request);
        if (refusal) return refusal;
        const url = new URL(request.url);
        const text = request.method === 'GET' ? '' : await request.text();
        const asked = {
          method: request.method,
          path: url.pathname.replace('/api/v1', ''),
          query: Object.fromEntries(url.searchParams),
          body: text ? (JSON.parse(text) as unknown) : null,
        };
        this.asked.push(asked);
        return this.refusal?.clone() ?? answer(asked, typeof params['id'] === 'string' ? params['id'] : '');
      };
    const page = (rows: unknown[], { query }: Asked) => {
      const from = Number(query['cursor'] ?? 0);
      const next = from + this.pageSize < rows.length ? String(from + this.pageSize) : null;
      return HttpResponse.json({ items: rows.slice(from, from + this.pageSize), next_cursor: next });
    };
    const change = (id: string, changes: Partial<Letter>) => {
      this.letters = this.letters.map((one) => (one.id === id ? { ...one, ...changes } : one));
      return HttpResponse.json(this.letters.find((one) => one.id === id));
    };
    return [
      http.get(
        `${API}/dead-letters`,
        on((asked) => {
          const { state, source } = asked.query;
          return page(
            this.letters.filter((one) => one.state === state && (!source || one.source === source)),
            asked,
          );
        }),
      ),
      http.get(
        `${API}/dead-letters/:id`,
        on((_, id) => HttpResponse.json(this.letters.find((one) => one.id === id))),
      ),
      http.post(
        `${API}/dead-letters/redrive`,
        on(({ body }) => {
          const { ids } = body as { ids: string[] };
          ids.forEach((id) => change(id, this.redriven));
          return HttpResponse.json({
            state: 'done',
            redriven: ids,
            failed: [],
            skipped: [],
            left: [],
            problem: null,
            next_cursor: null,
          });
        }),
      ),
      http.post(
        `${API}/dead-letters/:id/redrive`,
        on((_, id) => change(id, this.redriven)),
      ),
      http.post(
        `${API}/dead-letters/:id/discard`,
        on(({ body }, id) => change(id, { state: 'discarded', note: (body as { reason: string }).reason })),
      ),
      http.get(
        `${API}/audit`,
        on((asked) => page(this.entries, asked)),
      ),
      http.get(
        `${API}/audit/verify`,
        on(({ query }) => {
          const head_seq = this.entries.length;
          return HttpResponse.json({
            intact: true,
            verified_from: Number(query['from_seq']),
            verified_to: head_seq,
            broken_at: null,
            head_seq,
            head_hash: 'f'.repeat(64),
            ...this.verification,
          });
        }),
      ),
      http.get(
        `${API}/audit/export`,
        on(({ query }) => {
          const after = Number(query['after_seq']);
          const part = this.entries.filter(({ seq }) => seq > after).slice(0, 2);
          const last = part.at(-1)?.seq ?? 0;
          const headers = last && last < this.entries.length ? { 'x-next-after-seq': String(last) } : {};
          return new HttpResponse(part.map((one) => `${JSON.stringify(one)}\n`).join(''), { headers });
        }),
      ),
    ];
  }
}
