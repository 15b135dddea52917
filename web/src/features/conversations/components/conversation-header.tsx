import { Anchor, Title } from '@mantine/core';
import { Link } from '@tanstack/react-router';

import type { Conversation } from '@/features/conversations/api/list-conversations';
import classes from '@/features/conversations/components/conversation.module.css';
import { DeleteConversation } from '@/features/conversations/components/delete-conversation';
import { formatDay } from '@/lib/format';

interface ConversationHeaderProps {
  conversation: Conversation;
  agentName: string;
}

/** What the conversation is about, with whom, how long it is kept, and the way to delete it. */
export function ConversationHeader({ conversation, agentName }: ConversationHeaderProps) {
  const [group = '', name = ''] = conversation.agent_id.split('/');
  return (
    <header className={classes.header}>
      <nav aria-label="Breadcrumb" className={classes.crumbs}>
        <Anchor inherit renderRoot={(props) => <Link {...props} to="/agents/$group/$name" params={{ group, name }} />}>
          {agentName}
        </Anchor>
      </nav>
      <div className={classes.line}>
        <Title order={1} className={classes.title}>
          {conversation.title ?? 'New conversation'}
        </Title>
        <DeleteConversation conversation={conversation} />
      </div>
      <p className={classes.kept}>Kept until {formatDay(conversation.expires_at)}, longer if you go on.</p>
    </header>
  );
}
