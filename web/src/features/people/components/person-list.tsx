import { Badge, Button } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { EmptyNote } from '@/components/empty-note';
import { PagedRows } from '@/components/paged-rows';
import classes from '@/components/rows.module.css';
import { listPeopleOptions, type PeopleFilter, type Person, STATUSES } from '@/features/people/api/people';
import { PersonDrawer } from '@/features/people/components/person-drawer';
import { formatDay } from '@/lib/format';

const COLOURS = { active: 'pine', disabled: 'gray', erasing: 'red' };

/** Accounts with their roles and status; one opens beside the list. */
export function PersonList({ filter }: { filter: PeopleFilter }) {
  const people = useInfiniteQuery(listPeopleOptions(filter));
  const [openId, setOpenId] = useState<string | null>(null);
  const opened = people.data?.pages.flatMap((page) => page.items).find(({ id }) => id === openId);
  return (
    <>
      <PagedRows
        query={people}
        noun="people"
        empty={<EmptyNote title="Nobody found">Search for other words, or take a filter away.</EmptyNote>}
      >
        {(person) => <Row key={person.id} of={person} onOpen={() => setOpenId(person.id)} />}
      </PagedRows>
      {opened && <PersonDrawer of={opened} onClose={() => setOpenId(null)} />}
    </>
  );
}

function Row({ of, onOpen }: { of: Person; onOpen: () => void }) {
  return (
    <li className={classes.row}>
      <div className={classes.main}>
        <strong>{of.name}</strong>
        <span className={classes.note}>{of.email}</span>
      </div>
      <div className={classes.side}>
        <span className={classes.fact}>
          {of.roles.map((role) => (
            <Badge key={role} variant="light" color={role === 'admin' ? 'orange' : 'gray'} mr={4}>
              {role}
            </Badge>
          ))}
        </span>
        <Badge color={COLOURS[of.status]} variant="dot">
          {STATUSES[of.status]}
        </Badge>
        <span className={classes.fact} data-wide>
          Since <time dateTime={of.created_at}>{formatDay(of.created_at)}</time>
        </span>
        <div className={classes.actions}>
          <Button size="compact-sm" variant="default" aria-label={`Manage ${of.name}`} onClick={onOpen}>
            Manage
          </Button>
        </div>
      </div>
    </li>
  );
}
