import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';

import { EmptyNote } from '@/components/empty-note';
import { ApiProblem } from '@/lib/api/problem';

/** Whether the API refused because of who asks. */
export function isForbidden(error: Error | null): boolean {
  return error instanceof ApiProblem && error.status === 403;
}

/** What stands where a page is for others: whom it is for, and the way back. */
export function ForbiddenNote({ error }: { error: Error }) {
  return (
    <EmptyNote
      title="This page is for administrators"
      action={
        <Button variant="default" renderRoot={(props) => <Link {...props} to="/" />}>
          Back to the agents
        </Button>
      }
    >
      {error.message}
    </EmptyNote>
  );
}
