import { useQuery } from '@tanstack/react-query';

import { listGroupsOptions } from '@/features/agents/api/list-groups';
import { titleOf } from '@/lib/json-schema/titles';

/** What the catalogue calls a group; its id in words until that is known. */
export function GroupName({ id }: { id: string }) {
  const groups = useQuery(listGroupsOptions);
  return groups.data?.find((group) => group.id === id)?.name ?? titleOf(id);
}
