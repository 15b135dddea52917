import { Loader, Stack, Title } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';

import classes from '@/app/routes/list-head.module.css';
import { usePageTitle } from '@/app/use-page-title';
import { Panel } from '@/components/panel';
import { ProblemAlert } from '@/components/problem-alert';
import { listAgentsOptions } from '@/features/agents/api/list-agents';
import { explainOptions, policyOptions, type PolicyQuestion } from '@/features/policies/api/policies';
import { DecisionPicture } from '@/features/policies/components/decision-picture';
import { QuestionForm } from '@/features/policies/components/question-form';
import { RoleMatrix } from '@/features/policies/components/role-matrix';
import { isOfAgents } from '@/features/policies/in-words';
import { isAdmin } from '@/lib/session/session';
import { useUser } from '@/lib/session/use-user';

const route = getRouteApi('/member/policies');

export function PoliciesPage() {
  usePageTitle('Who may do what');
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const user = useUser();
  const policy = useQuery(policyOptions);
  const action = search.action ?? 'agents:execute';
  const question = { ...search, agent: isOfAgents(action) ? search.agent : undefined };
  const answer = useQuery(explainOptions(question));
  const [typed, setTyped] = useState('');
  const [words] = useDebouncedValue(typed, 200);
  const agents = useInfiniteQuery(listAgentsOptions({ q: words.replaceAll(/[/-]/g, ' ') || undefined }));
  const ask = (asked: PolicyQuestion) => void navigate({ search: asked, replace: true });
  if (policy.error) return <ProblemAlert error={policy.error} onRetry={() => void policy.refetch()} />;
  return (
    <>
      <header className={classes.head}>
        <Title order={1}>Who may do what</Title>
      </header>
      {!policy.data ? (
        <Loader aria-label="Loading" />
      ) : (
        <Stack gap="lg">
          <Panel title="May I?">
            <QuestionForm
              actions={policy.data.actions}
              question={search}
              agents={agents.data?.pages.flatMap(({ items }) => items.map(({ id }) => id)) ?? []}
              mayAskAboutOthers={isAdmin(user)}
              onType={setTyped}
              onAsk={ask}
            />
            <div
              aria-live="polite"
              aria-busy={answer.isPlaceholderData}
              style={{ opacity: answer.isPlaceholderData ? 0.4 : 1 }}
            >
              {answer.error ? (
                <ProblemAlert error={answer.error} />
              ) : answer.data ? (
                <DecisionPicture explanation={answer.data} />
              ) : (
                <Loader size="sm" aria-label="Asking" />
              )}
            </div>
          </Panel>
          <Panel title="Roles" isFlush>
            <RoleMatrix
              policy={policy.data}
              chosen={action}
              onChoose={(chosen) => ask({ ...search, action: chosen })}
            />
          </Panel>
        </Stack>
      )}
    </>
  );
}
