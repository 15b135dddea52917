import { Badge, Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';

import { Panel } from '@/components/panel';
import { ProblemAlert } from '@/components/problem-alert';
import classes from '@/components/rows.module.css';
import { type Invitation, listInvitationsOptions, useInvitation } from '@/features/people/api/people';
import { formatDay } from '@/lib/format';

/** Who was invited and has not come yet; nothing where there is nobody. */
export function InvitationList() {
  const invitations = useQuery(listInvitationsOptions);
  if (invitations.isError) {
    return <ProblemAlert error={invitations.error} onRetry={() => void invitations.refetch()} />;
  }
  const items = invitations.data?.items ?? [];
  if (items.length === 0) return null;
  return (
    <Panel title="Invited">
      <ul className={classes.list}>
        {items.map((each) => (
          <Row key={each.id} of={each} />
        ))}
      </ul>
    </Panel>
  );
}

function Row({ of }: { of: Invitation }) {
  const { resend, withdraw } = useInvitation(of.id);
  const error = resend.error ?? withdraw.error;
  const isOver = new Date(of.expires_at) < new Date();
  return (
    <li className={classes.row}>
      <div className={classes.main}>
        <strong>{of.name}</strong> {isOver && <Badge color="red">Expired</Badge>}
        <span className={classes.note}>
          {of.email} · {of.roles.join(', ')}
        </span>
        {error && <ProblemAlert error={error} />}
      </div>
      <div className={classes.side}>
        <span className={classes.fact} data-wide>
          Until <time dateTime={of.expires_at}>{formatDay(of.expires_at)}</time>
        </span>
        <div className={classes.actions}>
          <Button
            size="compact-sm"
            variant="default"
            aria-label={`Send to ${of.name} again`}
            loading={resend.isPending}
            onClick={() => resend.mutate()}
          >
            Send again
          </Button>
          <Button
            size="compact-sm"
            variant="default"
            aria-label={`Withdraw the invitation of ${of.name}`}
            loading={withdraw.isPending}
            onClick={() => withdraw.mutate()}
          >
            Withdraw
          </Button>
        </div>
      </div>
    </li>
  );
}
