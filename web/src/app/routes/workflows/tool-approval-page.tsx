import { Anchor, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';

import { usePageTitle } from '@/app/use-page-title';
import { NotFound } from '@/components/not-found';
import { getToolApprovalOptions } from '@/features/tool-approvals/api/tool-approvals';
import { ToolCall } from '@/features/tool-approvals/components/tool-call';
import { ApiProblem } from '@/lib/api/problem';
import { useUser } from '@/lib/session/use-user';

const route = getRouteApi('/member/tool-approvals/$id');

export function ToolApprovalPage() {
  usePageTitle('A call to approve');
  const { id } = route.useParams();
  const { data: call, error } = useQuery(getToolApprovalOptions(id));
  const isMine = useUser()?.id === call?.owner;
  if (error instanceof ApiProblem && error.status === 404) {
    return (
      <NotFound title="There is no such call to approve" back="/approvals">
        There is none with this id, or it is not yours to decide.
      </NotFound>
    );
  }
  return (
    <>
      <Anchor size="sm" renderRoot={(props) => <Link {...props} to="/approvals" />}>
        Approvals
      </Anchor>
      <Title order={1}>A call to approve</Title>
      {call && (
        <Text c="dimmed" mb="lg">
          {isMine ? 'For you, in ' : `For the user ${call.owner}, in `}
          <Anchor
            inherit
            renderRoot={(props) => <Link {...props} to="/executions/$id" params={{ id: call.execution_id }} />}
          >
            this execution
          </Anchor>
          {isMine ? ', where it can be run again once it is approved.' : ', which they run again once it is approved.'}
        </Text>
      )}
      <ToolCall id={id} />
    </>
  );
}
