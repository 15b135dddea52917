import {
  IconBan,
  IconClockPause,
  IconCoins,
  IconHandStop,
  IconHourglassEmpty,
  IconMessages,
  IconPlugConnectedX,
  IconRefresh,
  type TablerIcon,
} from '@tabler/icons-react';

/** A refusal that is part of the order of things: what it is called, and what to do. */
export interface Refusal {
  title: string;
  remedy: string;
  Icon: TablerIcon;
}

const REFUSALS: Readonly<Record<string, Refusal>> = {
  rate_limited: {
    title: 'Too many runs in a short time',
    remedy: 'Nothing was run and nothing was spent.',
    Icon: IconClockPause,
  },
  budget_exceeded: {
    title: 'The budget has no room for this run',
    remedy: 'Nothing was run and nothing was spent. An administrator can raise the ceiling at once.',
    Icon: IconCoins,
  },
  cost_limit_reached: {
    title: 'Stopped at its cost limit',
    remedy: 'Give the agent less at a time: a shorter text or fewer items.',
    Icon: IconCoins,
  },
  approval_required: {
    title: 'A person must approve first',
    remedy: 'Nothing was done. The record shows the exact call, to be approved or declined.',
    Icon: IconHandStop,
  },
  declined_by_rule: {
    title: 'The agent declines this',
    remedy: 'Change what is asked. Its own page says what the agent is for, and which one suits better.',
    Icon: IconHandStop,
  },
  model_refused: {
    title: 'The model declined',
    remedy: 'Change what is asked; the same input will be declined again.',
    Icon: IconHandStop,
  },
  model_circuit_open: {
    title: 'The model is left alone for a while',
    remedy: 'It failed too often lately. Nothing was sent and nothing was spent.',
    Icon: IconPlugConnectedX,
  },
  deadline_exceeded: {
    title: 'The time was over',
    remedy: 'Run it in the background, where an agent may take longer, or give it less at a time.',
    Icon: IconHourglassEmpty,
  },
  idempotency_in_progress: {
    title: 'This run is still going on',
    remedy: 'It is not started a second time; its answer will stand under Executions.',
    Icon: IconRefresh,
  },
  session_busy: {
    title: 'The conversation is busy',
    remedy: 'Another turn is being answered, in another tab perhaps. Send yours when it is done.',
    Icon: IconMessages,
  },
  session_not_found: {
    title: 'This conversation is gone',
    remedy: 'Start a new one on the page of the agent.',
    Icon: IconMessages,
  },
  execution_cancelled: {
    title: 'Cancelled',
    remedy: 'It was ended before it had an answer. What it had used by then is counted.',
    Icon: IconBan,
  },
};

/** What is known about an error code of the API; undefined where something really broke. */
export function refusalOf(code: string): Refusal | undefined {
  return REFUSALS[code];
}
