import { Text } from '@mantine/core';

import { ConversationList } from '@/features/conversations/components/conversation-list';
import classes from '@/features/conversations/components/conversations-panel.module.css';
import { NewConversation } from '@/features/conversations/components/new-conversation';

/** On the page of an agent that remembers: how to talk with it, and the latest conversations. */
export function ConversationsPanel({ agentId }: { agentId: string }) {
  return (
    <section aria-label="Conversations" className={classes.panel}>
      <div className={classes.words}>
        <h2 className={classes.title}>Talk it through</h2>
        <Text size="sm" c="dimmed" mb="sm">
          In a conversation this agent remembers what was said before. A run below stands by itself.
        </Text>
        <NewConversation agentId={agentId}>Start a conversation</NewConversation>
      </div>
      <div className={classes.latest}>
        <ConversationList agentId={agentId} most={3} />
      </div>
    </section>
  );
}
