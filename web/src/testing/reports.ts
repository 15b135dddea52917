import { http, HttpResponse, type RequestHandler } from 'msw';

import type { components } from '@/lib/api/schema';
import { agentInfo } from '@/testing/definitions';
import { BUDGET, type FakeIdentity, problem } from '@/testing/platform';

type Schemas = components['schemas'];
type Period = Schemas['Period'];

const API = 'http://localhost:3000/api/v1/analytics';
/** The agent that was executed. */
export const MATCHER = agentInfo('finance-accounting/three-way-match-checker');

const RANGE = { start: '2026-03-01T00:00:00Z', end: '2026-03-04T00:00:00Z', complete: true };
const AS_OF = '2026-03-04T09:30:00Z';

export function period(changes: Partial<Period> = {}): Period {
  return {
    executions: 0,
    succeeded: 0,
    failed: 0,
    cancelled: 0,
    cached: 0,
    escalated: 0,
    tool_calls: 0,
    input_tokens: 0,
    output_tokens: 0,
    cache_read_tokens: 0,
    cache_write_tokens: 0,
    cost_usd: 0,
    success_share: null,
    p50_ms: null,
    p95_ms: null,
    p99_ms: null,
    ...changes,
  };
}

/** Forty executions of one agent, thirty of which succeeded. */
export const BUSY = period({
  executions: 40,
  succeeded: 30,
  failed: 10,
  cost_usd: 1.25,
  success_share: 0.75,
  input_tokens: 1000,
  cache_read_tokens: 6000,
  cache_write_tokens: 500,
  output_tokens: 500,
  p50_ms: 820,
  p95_ms: 4100,
  p99_ms: 9800,
});

/** The analytics of the API; `asked` holds what each report was asked. */
export class FakeReports {
  readonly asked: { report: string; query: Record<string, string> }[] = [];
  /** Refusals by report. */
  readonly refusals: Record<string, ReturnType<typeof problem>> = {};
  now = BUSY;
  before = period();
  complete = true;
  as_of: string | null = AS_OF;

  of(report: string): Record<string, string>[] {
    return this.asked.filter((one) => one.report === report).map(({ query }) => query);
  }

  handlers(identity: FakeIdentity): RequestHandler[] {
    return [
      http.get(`${API}/:report`, ({ request, params }) => {
        const refusal = identity.refusal(request);
        if (refusal) return refusal;
        const report = String(params['report']);
        const query = Object.fromEntries(new URL(request.url).searchParams);
        this.asked.push({ report, query });
        const refused = this.refusals[report];
        if (refused) return refused.clone();
        if (query['format'] === 'csv') {
          const headers = { 'content-type': 'text/csv', 'content-disposition': `attachment; filename="${report}.csv"` };
          return new HttpResponse('agent_id,executions\r\n', { headers });
        }
        return HttpResponse.json({ ...RANGE, complete: this.complete, as_of: this.as_of, ...this.answer(report) });
      }),
    ];
  }

  private answer(report: string): object {
    const { p50_ms, p95_ms, p99_ms, ...sums } = this.now;
    const speeds = { p50_ms, p95_ms, p99_ms };
    const ran = this.now.executions > 0;
    const some = <Row>(...rows: Row[]) => ({ items: ran ? rows : [] });
    switch (report) {
      case 'overview':
        return { now: this.now, before: this.before };
      case 'timeseries':
        return {
          grain: 'day',
          points: ['01', '02', '03'].map((day) => ({
            period: `2026-03-${day}T00:00:00Z`,
            ...(day === '02' ? this.now : period()),
          })),
        };
      case 'agents':
        return some({ agent_id: MATCHER.id, group: MATCHER.group, ...this.now });
      case 'groups':
        return some({ group: MATCHER.group, ...sums });
      case 'users':
        return some({ user_id: 'u-1', email: 'bea@example.org', name: 'Bea', ...sums });
      case 'errors':
        return some({ code: 'model_timed_out', agent_id: MATCHER.id, group: MATCHER.group, count: 10, share: 1 });
      case 'latency':
        return { ...some({ name: 'claude-haiku-5-5', executions: 40, ...speeds }), overall: speeds };
      case 'workflows':
        return { items: [], failures: [] };
      default: {
        const mine = { kind: 'user', id: 'u-1', name: 'Ada', budget: BUDGET, used_share: 0.5, projected_usd: 2 };
        return { mine, items: [] };
      }
    }
  }
}
