import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from '@tanstack/react-query';

import { askAgainAfter } from '@/components/data-request-line';
import { answerOf, api } from '@/lib/api/client';
import type { components } from '@/lib/api/schema';

export type Person = components['schemas']['Person'];
export type Invitation = components['schemas']['Invitation'];
export type NewInvitation = components['schemas']['NewInvitation'];

export interface PeopleFilter {
  q?: string | undefined;
  role?: string | undefined;
  status?: Person['status'] | undefined;
}

export const ROLES = ['admin', 'operator', 'author', 'user', 'viewer'];
export const STATUSES = { active: 'Active', disabled: 'Disabled', erasing: 'Being deleted' };

const PAGE_SIZE = 24;
const PEOPLE = ['people'];
const INVITATIONS = ['invitations'];

/** Reads the filter that stands in the address of the page. */
export function readFilter({ q, role, status }: Record<string, unknown>): PeopleFilter {
  return {
    q: typeof q === 'string' && q ? q : undefined,
    role: typeof role === 'string' && ROLES.includes(role) ? role : undefined,
    status: status === 'active' || status === 'disabled' || status === 'erasing' ? status : undefined,
  };
}

export const listPeopleOptions = ({ q, role, status }: PeopleFilter) =>
  infiniteQueryOptions({
    queryKey: [...PEOPLE, 'list', q, role, status],
    queryFn: ({ pageParam, signal }) =>
      answerOf(
        api.GET('/api/v1/users', {
          params: {
            query: {
              limit: PAGE_SIZE,
              ...(q ? { q } : {}),
              ...(role ? { role } : {}),
              ...(status ? { status } : {}),
              ...(pageParam ? { cursor: pageParam } : {}),
            },
          },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  });

export const listInvitationsOptions = queryOptions({
  queryKey: INVITATIONS,
  queryFn: ({ signal }) =>
    answerOf(api.GET('/api/v1/users/invitations', { params: { query: { limit: 100 } }, signal })),
});

/** Exports and erasures of a person's data; asked again while one is made. */
export const dataRequestsOptions = (id: string) =>
  queryOptions({
    queryKey: [...PEOPLE, id, 'data-requests'],
    queryFn: ({ signal }) =>
      answerOf(api.GET('/api/v1/users/{user_id}/data-requests', { params: { path: { user_id: id } }, signal })),
    refetchInterval: ({ state }) => askAgainAfter(state.data?.items),
  });

export function useInvite() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: NewInvitation) => answerOf(api.POST('/api/v1/users/invitations', { body })),
    onSuccess: () => queries.invalidateQueries({ queryKey: INVITATIONS }),
  });
}

/** What may be done with one invitation. */
export function useInvitation(id: string) {
  const queries = useQueryClient();
  const params = { path: { invitation_id: id } };
  const onSettled = () => queries.invalidateQueries({ queryKey: INVITATIONS });
  return {
    resend: useMutation({
      mutationFn: () => answerOf(api.POST('/api/v1/users/invitations/{invitation_id}/resend', { params })),
      onSettled,
    }),
    withdraw: useMutation({
      mutationFn: () => answerOf(api.DELETE('/api/v1/users/invitations/{invitation_id}', { params })),
      onSettled,
    }),
  };
}

/** What may be done with one account. */
export function usePerson(id: string) {
  const queries = useQueryClient();
  const params = { path: { user_id: id } };
  const onSettled = () => queries.invalidateQueries({ queryKey: PEOPLE });
  return {
    setRoles: useMutation({
      mutationFn: (roles: string[]) => answerOf(api.PUT('/api/v1/users/{user_id}/roles', { params, body: { roles } })),
      onSettled,
    }),
    disable: useMutation({
      mutationFn: () => answerOf(api.POST('/api/v1/users/{user_id}/disable', { params })),
      onSettled,
    }),
    enable: useMutation({
      mutationFn: () => answerOf(api.POST('/api/v1/users/{user_id}/enable', { params })),
      onSettled,
    }),
    exportData: useMutation({
      mutationFn: () => answerOf(api.POST('/api/v1/users/{user_id}/export', { params })),
      onSettled,
    }),
    erase: useMutation({
      mutationFn: () => answerOf(api.DELETE('/api/v1/users/{user_id}', { params })),
      onSettled,
    }),
  };
}
