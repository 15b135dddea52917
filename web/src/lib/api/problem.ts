import type { components } from '@/lib/api/schema';

export type FieldProblem = components['schemas']['ProblemField'];

/**
 * What the API answers instead of a result (RFC 9457), as an error that can be thrown.
 * `status` is 0 when no answer arrived at all.
 */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly traceId: string | null;
  /** The recorded execution, where one was made. */
  readonly executionId: string | null;
  readonly fields: readonly FieldProblem[];
  /** Seconds after which another try may succeed, where that is known. */
  readonly retryAfter: number | null;

  constructor(problem: {
    status: number;
    code: string;
    title: string;
    detail: string;
    traceId?: string | null;
    executionId?: string | null;
    fields?: readonly FieldProblem[];
    retryAfter?: number | null;
  }) {
    super(problem.detail);
    this.status = problem.status;
    this.code = problem.code;
    this.title = problem.title;
    this.traceId = problem.traceId ?? null;
    this.executionId = problem.executionId ?? null;
    this.fields = problem.fields ?? [];
    this.retryAfter = problem.retryAfter ?? null;
  }

  /** Whether asking again may help: nothing arrived, or the platform was busy or broken. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Reads problem details; answers of a proxy or gateway, which have another shape, become a problem too. */
export function problemFrom(status: number, body: unknown, headers: Headers): ApiProblem {
  const fields = isRecord(body) ? body : {};
  const text = (name: string): string | null => (typeof fields[name] === 'string' ? fields[name] : null);
  return new ApiProblem({
    status,
    code: text('code') ?? `http_${status}`,
    title: text('title') ?? (status >= 500 ? 'The platform could not answer' : 'The request was refused'),
    // A proxy's own message says less than we can.
    detail: text('detail') ?? WITHOUT_DETAIL[status] ?? text('message') ?? `The answer was HTTP ${status}.`,
    traceId: text('trace_id') ?? headers.get('x-trace-id'),
    executionId: text('execution_id'),
    fields: Array.isArray(fields['errors']) ? (fields['errors'] as unknown[]).filter(isFieldProblem) : [],
    retryAfter: secondsOf(headers.get('retry-after')),
  });
}

/** `Retry-After` (RFC 9110, section 10.2.3) is a number of seconds or a date. */
function secondsOf(retryAfter: string | null): number | null {
  if (retryAfter === null) return null;
  const seconds = /^\d+$/.test(retryAfter) ? Number(retryAfter) : (Date.parse(retryAfter) - Date.now()) / 1000;
  return Number.isNaN(seconds) ? null : Math.max(0, Math.ceil(seconds));
}

/** No answer: the network, a proxy or the browser stopped the request. */
export function unreachable(cause: unknown): ApiProblem {
  const problem = new ApiProblem({
    status: 0,
    code: 'unreachable',
    title: 'The platform cannot be reached',
    detail: 'No answer arrived. Check your connection, then try again.',
  });
  problem.cause = cause;
  return problem;
}

const WITHOUT_DETAIL: Record<number, string> = {
  429: 'Too many requests. Wait a moment, then try again.',
  502: 'A part of the platform is not answering. Try again in a moment.',
  503: 'The platform is busy. Try again in a moment.',
  504: 'The gateway stopped waiting. The work may still finish.',
};

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isFieldProblem(value: unknown): value is FieldProblem {
  return isRecord(value) && typeof value['field'] === 'string' && typeof value['message'] === 'string';
}
