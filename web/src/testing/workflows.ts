import { http, HttpResponse, type RequestHandler } from 'msw';

import type { components } from '@/lib/api/schema';
import { type FakeIdentity, problem } from '@/testing/platform';

type Schemas = components['schemas'];
export type Workflow = Schemas['WorkflowDetail'];
export type Run = Schemas['RunDetail'];
export type Approval = Schemas['ApprovalView'];
export type Trigger = Schemas['TriggerView'];

const API = 'http://localhost:3000/api/v1';
const MOMENT = '2026-03-04T09:30:00Z';

/** Reads an invoice, checks it from two sides, and asks a person. */
export const GRAPH: Schemas['Graph'] = {
  nodes: [
    { id: 'start', kind: 'start', title: 'Start' },
    { id: 'read', kind: 'agent', title: 'Read the invoice', agent: 'finance-accounting/three-way-match-checker' },
    { id: 'checks', kind: 'parallel', title: 'Check both sides' },
    { id: 'vendor', kind: 'transform', title: 'Look at the vendor', parent: 'checks', group: 'Vendor' },
    { id: 'order', kind: 'transform', title: 'Look at the order', parent: 'checks', group: 'Order' },
    { id: 'approve', kind: 'approval', title: 'Approve the payment' },
    { id: 'end', kind: 'end', title: 'End' },
  ],
  edges: [
    { source: 'start', target: 'read' },
    { source: 'read', target: 'checks' },
    { source: 'read', target: 'approve', label: 'on error' },
    { source: 'checks', target: 'vendor' },
    { source: 'checks', target: 'order' },
    { source: 'vendor', target: 'approve' },
    { source: 'order', target: 'approve' },
    { source: 'approve', target: 'end' },
  ],
};

/** A published workflow of the reader with one field as its input. */
export function workflow(more: Partial<Workflow> = {}): Workflow {
  return {
    id: 'w-1',
    name: 'invoice-to-payment',
    title: 'Invoice to payment',
    description: 'Checks an invoice and has a person approve it.',
    tags: ['finance'],
    owner: 'me',
    live_version: 2,
    latest_version: 2,
    status: 'published',
    steps: 5,
    updated_at: MOMENT,
    version: 2,
    source: 'name: invoice-to-payment\ntitle: Invoice to payment\n',
    source_format: 'yaml',
    spec: {},
    graph: GRAPH,
    input_schema: {
      type: 'object',
      required: ['number'],
      properties: { number: { type: 'string', title: 'Number' }, amount: { type: 'number', title: 'Amount' } },
    },
    example: { number: 'INV-2291', amount: 1200 },
    ...more,
  };
}

export function step(id: string, more: Partial<Schemas['StepView']> = {}): Schemas['StepView'] {
  const node = GRAPH.nodes.find((one) => one.id === id);
  return {
    id,
    kind: node?.kind ?? 'transform',
    title: node?.title ?? id,
    parent: node?.parent ?? null,
    status: 'succeeded',
    started_at: MOMENT,
    finished_at: MOMENT,
    duration_ms: 1200,
    tries: 1,
    cost_usd: null,
    input: null,
    output: null,
    error: null,
    execution_ids: [],
    approval_id: null,
    child_run_id: null,
    counts: null,
    left_out: [],
    ...more,
  };
}

/** A run that waits for a person. */
export function run(more: Partial<Run> = {}): Run {
  return {
    id: 'r-1',
    workflow_id: 'w-1',
    workflow_name: 'invoice-to-payment',
    workflow_title: 'Invoice to payment',
    version: 2,
    name: null,
    status: 'running',
    error: null,
    trace_id: '1-5759e988-bd862e3fe1be46a994272793',
    started_at: MOMENT,
    finished_at: null,
    duration_ms: null,
    cost_usd: null,
    attempt: 1,
    retry_of: null,
    parent_run_id: null,
    source: { kind: 'api', id: null, depth: 0 },
    input: { number: 'INV-2291' },
    output: null,
    steps: [
      step('read', { cost_usd: 0.0117, output: { total: 1200 }, execution_ids: ['e-1'] }),
      step('checks'),
      step('vendor'),
      step('order'),
      step('approve', { status: 'waiting', approval_id: 'a-1', duration_ms: null, finished_at: null }),
    ],
    graph: GRAPH,
    left_out: [],
    ...more,
  };
}

/** A decision that the reader may take, with one field that must be filled in to approve. */
export function approval(more: Partial<Approval> = {}): Approval {
  return {
    id: 'a-1',
    run_id: 'r-1',
    step_id: 'approve',
    place: '',
    workflow_title: 'Invoice to payment',
    step_title: 'Approve the payment',
    message: 'Pay 1,200 EUR to Norpack AS?',
    show: { supplier: 'Norpack AS', amount: 1200 },
    form: {
      type: 'object',
      required: ['cost_centre'],
      properties: { cost_centre: { type: 'string', title: 'Cost centre' } },
    },
    status: 'pending',
    created_at: MOMENT,
    expires_at: '2099-03-04T09:30:00Z',
    decided_at: null,
    decided_by: null,
    comment: null,
    answers: null,
    ...more,
  };
}

export function trigger(more: Partial<Trigger> = {}): Trigger {
  return {
    id: 't-1',
    workflow_id: 'w-1',
    workflow_title: 'Invoice to payment',
    kind: 'schedule',
    title: 'Morning run',
    schedule: { cron: '0 8 * * MON-FRI', rate: null, at: null, timezone: 'Europe/Berlin' },
    event: null,
    input: {},
    status: 'active',
    next_at: [],
    created_at: MOMENT,
    last_fired_at: null,
    last_run_id: null,
    last_error: null,
    key_id: null,
    ...more,
  };
}

/** The room of workflows: its records, which tests may change, and what was asked of it. */
export class FakeWorkflows {
  readonly asked: { path: string; body: unknown }[] = [];
  /** The faults of a source; none means it is in order. */
  faultsOf: (source: string) => Schemas['ProblemField'][] = () => [];
  /** What is answered to the next change instead of doing it. */
  refusal: ReturnType<typeof problem> | undefined;

  readonly workflows: Workflow[];
  readonly runs: Run[];
  readonly approvals: Approval[];
  readonly triggers: Trigger[];

  constructor(records: { workflows?: Workflow[]; runs?: Run[]; approvals?: Approval[]; triggers?: Trigger[] } = {}) {
    this.workflows = records.workflows ?? [];
    this.runs = records.runs ?? [];
    this.approvals = records.approvals ?? [];
    this.triggers = records.triggers ?? [];
  }

  handlers(identity: FakeIdentity): RequestHandler[] {
    return [
      ...this.workflowHandlers(identity),
      ...this.runHandlers(identity),
      ...this.approvalHandlers(identity),
      ...this.triggerHandlers(identity),
    ];
  }

  private workflowHandlers(identity: FakeIdentity): RequestHandler[] {
    return [
      http.get(`${API}/workflows`, ({ request }) => {
        const q = new URL(request.url).searchParams.get('q')?.toLowerCase() ?? '';
        const items = this.workflows.filter(({ title }) => title.toLowerCase().includes(q));
        return identity.refusal(request) ?? page(items);
      }),
      http.post(`${API}/workflows/validate`, async ({ request }) => {
        const { source } = (await request.json()) as { source: string };
        return this.faulty(source) ?? HttpResponse.json(CHECKED);
      }),
      http.post(`${API}/workflows`, ({ request }) =>
        this.change(request, '/workflows', ({ source }) => {
          const refused = this.faulty(String(source));
          if (refused) return refused;
          const made = workflow({
            id: 'w-new',
            title: 'A new one',
            status: 'draft',
            live_version: null,
            latest_version: 1,
          });
          this.workflows.push(made);
          return HttpResponse.json(made, { status: 201 });
        }),
      ),
      http.get(`${API}/workflows/:id`, ({ params }) => found(this.workflows, params['id'], 'workflow_not_found')),
      http.get(`${API}/workflows/:id/versions`, ({ params }) => {
        const one = this.workflows.find(({ id }) => id === params['id']);
        const items = Array.from({ length: one?.latest_version ?? 0 }, (_, at) =>
          this.versionOf(one, at + 1),
        ).reverse();
        return HttpResponse.json({ items });
      }),
      http.get(`${API}/workflows/:id/versions/:version`, ({ params }) => {
        const one = this.workflows.find(({ id }) => id === params['id']);
        if (!one) return problem(404, 'workflow_not_found', 'There is no such workflow.');
        const { source, source_format, spec, graph } = one;
        const version = this.versionOf(one, Number(params['version']));
        return HttpResponse.json({ ...version, source, source_format, spec, graph, asl: {} });
      }),
      http.post(`${API}/workflows/:id/versions`, ({ request, params }) =>
        this.change(request, `/workflows/${String(params['id'])}/versions`, ({ source }) => {
          const one = this.workflows.find(({ id }) => id === params['id']);
          return this.update(this.workflows, params['id'], {
            source: String(source),
            latest_version: (one?.latest_version ?? 0) + 1,
          });
        }),
      ),
      ...['publish', 'rollback'].map((action) =>
        http.post(`${API}/workflows/:id/${action}`, ({ request, params }) =>
          this.change(request, `/workflows/${String(params['id'])}/${action}`, ({ version }) =>
            this.update(this.workflows, params['id'], {
              status: 'published',
              live_version: Number(version),
              version: Number(version),
            }),
          ),
        ),
      ),
      http.post(`${API}/workflows/:id/archive`, ({ request, params }) =>
        this.change(request, `/workflows/${String(params['id'])}/archive`, () =>
          this.update(this.workflows, params['id'], { status: 'archived' }),
        ),
      ),
      http.post(`${API}/workflows/:id/runs`, ({ request, params }) =>
        this.change(request, `/workflows/${String(params['id'])}/runs`, ({ input, name }) => {
          const begun = run({ id: 'r-new', input, name: (name as string | undefined) ?? null });
          this.runs.unshift(begun);
          return HttpResponse.json(begun, { status: 202 });
        }),
      ),
    ];
  }

  private runHandlers(identity: FakeIdentity): RequestHandler[] {
    return [
      http.get(`${API}/runs`, ({ request }) => {
        const query = new URL(request.url).searchParams;
        const items = this.runs
          .filter(({ status }) => !query.has('status') || status === query.get('status'))
          .filter(({ workflow_id }) => !query.has('workflow_id') || workflow_id === query.get('workflow_id'));
        return identity.refusal(request) ?? page(items);
      }),
      http.get(`${API}/runs/:id`, ({ params }) => found(this.runs, params['id'], 'run_not_found')),
      http.post(`${API}/runs/:id/stop`, ({ request, params }) =>
        this.change(request, `/runs/${String(params['id'])}/stop`, () =>
          this.update(this.runs, params['id'], { status: 'stopped', finished_at: MOMENT }),
        ),
      ),
      http.post(`${API}/runs/:id/retry`, ({ request, params }) =>
        this.change(request, `/runs/${String(params['id'])}/retry`, () =>
          this.update(this.runs, params['id'], { status: 'running', attempt: 2, error: null, finished_at: null }),
        ),
      ),
    ];
  }

  private approvalHandlers(identity: FakeIdentity): RequestHandler[] {
    return [
      http.get(`${API}/approvals`, ({ request }) => {
        const isPending = new URL(request.url).searchParams.get('status') !== 'decided';
        const items = this.approvals.filter(({ status }) => (status === 'pending') === isPending);
        return identity.refusal(request) ?? page(items);
      }),
      http.get(`${API}/approvals/:id`, ({ params }) => found(this.approvals, params['id'], 'approval_not_found')),
      http.post(`${API}/approvals/:id/decide`, ({ request, params }) =>
        this.change(request, `/approvals/${String(params['id'])}/decide`, ({ decision, comment, form }) =>
          this.update(this.approvals, params['id'], {
            status: decision as Approval['status'],
            comment: (comment as string | undefined) ?? null,
            answers: (form as Approval['answers'] | undefined) ?? null,
            decided_by: 'ada@example.com',
            decided_at: MOMENT,
          }),
        ),
      ),
    ];
  }

  private triggerHandlers(identity: FakeIdentity): RequestHandler[] {
    return [
      http.get(`${API}/triggers`, ({ request }) => identity.refusal(request) ?? page(this.triggers)),
      http.post(`${API}/triggers`, ({ request }) =>
        this.change(request, '/triggers', (body) => {
          const made = trigger({ id: `t-${this.triggers.length + 1}`, title: 'A new one', ...body });
          this.triggers.unshift(made);
          return HttpResponse.json(made, { status: 201 });
        }),
      ),
      ...(['pause', 'resume'] as const).map((action) =>
        http.post(`${API}/triggers/:id/${action}`, ({ request, params }) =>
          this.change(request, `/triggers/${String(params['id'])}/${action}`, () =>
            this.update(this.triggers, params['id'], { status: action === 'pause' ? 'paused' : 'active' }),
          ),
        ),
      ),
      http.delete(`${API}/triggers/:id`, ({ request, params }) =>
        this.change(request, `/triggers/${String(params['id'])}`, () => {
          this.triggers.splice(
            this.triggers.findIndex(({ id }) => id === params['id']),
            1,
          );
          return new HttpResponse(null, { status: 204 });
        }),
      ),
    ];
  }

  /** Notes what was asked, and refuses it where the test says so. */
  private async change(request: Request, path: string, answer: (body: Record<string, unknown>) => Response) {
    const text = await request.text();
    const body = text ? (JSON.parse(text) as Record<string, unknown>) : {};
    this.asked.push({ path, body });
    const refused = this.refusal;
    this.refusal = undefined;
    return refused ?? answer(body);
  }

  private update<Kept extends { id: string }>(records: Kept[], id: unknown, more: Partial<Kept>): Response {
    const place = records.findIndex((one) => one.id === id);
    const known = records[place];
    if (!known) return problem(404, 'not_found', 'There is none.');
    records[place] = { ...known, ...more };
    return HttpResponse.json(records[place]);
  }

  private faulty(source: string) {
    const errors = this.faultsOf(source);
    return errors.length > 0 ? problem(422, 'workflow_invalid', 'The workflow cannot be run.', { errors }) : undefined;
  }

  private versionOf(one: Workflow | undefined, version: number): Schemas['VersionSummary'] {
    const live = one?.live_version ?? null;
    const published_at = live !== null && version <= live ? MOMENT : null;
    return { version, created_at: MOMENT, created_by: 'u', published_at, live: version === live };
  }
}

const CHECKED: Schemas['CheckedWorkflow'] = {
  asl: { StartAt: 'Read the invoice' },
  bytes: 4200,
  graph: GRAPH,
  input_schema: {},
  output_schema: null,
  agents: [],
};

function page(items: readonly object[]) {
  return HttpResponse.json({ items, next_cursor: null });
}

function found(records: readonly { id: string }[], id: unknown, code: string): Response {
  const one = records.find((record) => record.id === id);
  return one ? HttpResponse.json(one) : problem(404, code, 'There is none.');
}
