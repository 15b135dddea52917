import { Button, Skeleton } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { listConversationsOptions } from '@/features/conversations/api/list-conversations';
import classes from '@/features/conversations/components/conversation-list.module.css';
import { formatAgo } from '@/lib/format';

interface ConversationListProps {
  agentId: string;
  /** Shows only so many, the newest. */
  most?: number;
}

/** The caller's conversations with an agent, each leading to its page. */
export function ConversationList({ agentId, most = Infinity }: ConversationListProps) {
  const conversations = useInfiniteQuery(listConversationsOptions(agentId));
  const items = conversations.data?.pages.flatMap((page) => page.items) ?? [];
  const [group = '', name = ''] = agentId.split('/');

  if (conversations.isPending) return <Skeleton height={38} role="status" aria-label="Loading conversations" />;
  // A list beside the matter: without it the page still does its work.
  if (items.length === 0) return null;
  return (
    <nav aria-label="Your conversations">
      <ul className={classes.list}>
        {items.slice(0, most).map((conversation) => (
          <li key={conversation.id}>
            <Link
              to="/agents/$group/$name/conversations/$id"
              params={{ group, name, id: conversation.id }}
              className={classes.link}
            >
              <span className={classes.title}>{conversation.title ?? 'New conversation'}</span>
              <span className={classes.when}>
                {turnsInWords(conversation.turns)} · {formatAgo(conversation.updated_at)}
              </span>
            </Link>
          </li>
        ))}
      </ul>
      {conversations.hasNextPage && most === Infinity && (
        <Button
          variant="subtle"
          color="gray"
          size="compact-sm"
          loading={conversations.isFetchingNextPage}
          onClick={() => void conversations.fetchNextPage()}
        >
          Show more
        </Button>
      )}
    </nav>
  );
}

function turnsInWords(turns: number): string {
  if (turns === 0) return 'empty';
  return turns === 1 ? '1 turn' : `${turns} turns`;
}
