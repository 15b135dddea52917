import { Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { createRoute } from '@tanstack/react-router';

import classes from '@/app/routes/conversation.module.css';
import { memberRoute } from '@/app/routes/member';
import { usePageTitle } from '@/app/use-page-title';
import { NotFound } from '@/components/not-found';
import { ProblemAlert } from '@/components/problem-alert';
import { type AgentInfo, getAgentOptions } from '@/features/agents/api/get-agent';
import { BudgetCard } from '@/features/budget/components/budget-card';
import { getConversationOptions } from '@/features/conversations/api/get-conversation';
import { useNewestTurn, useTurnAnswered } from '@/features/conversations/api/list-turns';
import { Asked } from '@/features/conversations/components/asked';
import { ConversationHeader } from '@/features/conversations/components/conversation-header';
import { ConversationList } from '@/features/conversations/components/conversation-list';
import { NewConversation } from '@/features/conversations/components/new-conversation';
import { Turns } from '@/features/conversations/components/turns';
import { InputPanel } from '@/components/input-panel/input-panel';
import { getExecutionOptions } from '@/features/executions/api/get-execution';
import { OfflineNotice } from '@/features/executions/components/offline-notice';
import { RunProblem } from '@/features/executions/components/run-problem';
import { Running } from '@/features/executions/components/running';
import { useRun } from '@/features/executions/components/use-run';
import { ApiProblem } from '@/lib/api/problem';
import { nextTurn } from '@/lib/json-schema/gist';
import type { JsonObject } from '@/lib/json-schema/types';

export const conversationRoute = createRoute({
  getParentRoute: () => memberRoute,
  path: '/agents/$group/$name/conversations/$id',
  component: ConversationPage,
});

function ConversationPage() {
  const { group, name, id } = conversationRoute.useParams();
  const { data: agent, error: agentError } = useQuery(getAgentOptions(group, name));
  const { data: conversation, error, refetch } = useQuery(getConversationOptions(id));
  usePageTitle(conversation?.title ?? 'Conversation');

  if ([error, agentError].some((one) => one instanceof ApiProblem && one.status === 404)) {
    return <NotFound title="There is no such conversation">It was deleted, or it was never yours.</NotFound>;
  }
  const fault = conversation ? agentError : error;
  if (fault) return <ProblemAlert error={fault} onRetry={() => void refetch()} />;
  if (!conversation || !agent) {
    return <Skeleton height={480} radius="lg" role="status" aria-busy="true" aria-label="Loading the conversation" />;
  }
  return (
    <div className={classes.page}>
      <div>
        <ConversationHeader conversation={conversation} agentName={agent.name} />
        <Talk key={id} conversationId={id} agent={agent} />
      </div>
      <aside className={classes.side}>
        <NewConversation agentId={agent.id}>New conversation</NewConversation>
        <h2>Your conversations</h2>
        <ConversationList agentId={agent.id} />
      </aside>
    </div>
  );
}

/** What was said, what is being answered, and the next turn. */
function Talk({ conversationId, agent }: { conversationId: string; agent: AgentInfo }) {
  const addTurn = useTurnAnswered(conversationId);
  const { run, again, stop, execution, error, pending, startedAt } = useRun({
    agentId: agent.id,
    sessionId: conversationId,
    onAnswered: ({ id, started_at, input, output }) => {
      if (output) addTurn({ execution_id: id, created_at: started_at, input, output });
    },
  });
  const newest = useNewestTurn(conversationId);
  const answered = useQuery({ ...getExecutionOptions(newest?.execution_id ?? ''), enabled: Boolean(newest) });
  const said = execution?.input ?? newest?.input;
  const isAboutFields = error instanceof ApiProblem && error.fields.length > 0;
  return (
    <>
      <Turns conversationId={conversationId} inputSchema={agent.input} outputSchema={agent.output}>
        {pending && startedAt !== null ? (
          <div className={classes.pending}>
            <Asked input={pending.input} schema={agent.input} />
            <Running startedAt={startedAt} timeoutSeconds={agent.limits.timeout_seconds} onStop={stop} />
          </div>
        ) : (
          error &&
          !isAboutFields && (
            <div className={classes.problem}>
              <RunProblem error={error} budget={<BudgetCard />} onAgain={again} />
            </div>
          )
        )}
      </Turns>
      {answered.data?.provider === 'offline' && <OfflineNotice />}
      {/* After an answer the form begins anew: what was said is said, the rest is remembered. */}
      {newest !== undefined && (
        <InputPanel
          key={execution?.id}
          schema={agent.input}
          example={agent.example.input as JsonObject}
          title="Your turn"
          action="Send"
          start={said && nextTurn(said as JsonObject, agent.input)}
          problem={error}
          isRunning={startedAt !== null}
          onRun={run}
        />
      )}
    </>
  );
}
