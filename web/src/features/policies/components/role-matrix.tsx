import { Table, Tooltip, UnstyledButton, VisuallyHidden } from '@mantine/core';
import { IconCheck } from '@tabler/icons-react';

import type { Action, Policy } from '@/features/policies/api/policies';
import classes from '@/features/policies/components/role-matrix.module.css';

interface RoleMatrixProps {
  policy: Policy;
  chosen: Action;
  onChoose: (action: Action) => void;
}

/** Which role allows what; the reader's own roles stand out, and a row is chosen by its name. */
export function RoleMatrix({ policy: { actions, roles }, chosen, onChoose }: RoleMatrixProps) {
  return (
    <Table.ScrollContainer minWidth={520}>
      <Table verticalSpacing={4} className={classes.matrix}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Action</Table.Th>
            {roles.map(({ name, summary, mine }) => (
              <Table.Th key={name} data-mine={mine || undefined} className={classes.cell}>
                <Tooltip label={summary} withArrow events={{ hover: true, focus: true, touch: true }}>
                  <span tabIndex={0}>
                    {name}
                    {mine && <VisuallyHidden> (yours)</VisuallyHidden>}
                  </span>
                </Tooltip>
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {actions.map((action) => (
            <Table.Tr key={action} data-chosen={action === chosen || undefined} className={classes.row}>
              <Table.Th scope="row" fw={400}>
                <UnstyledButton
                  className={classes.action}
                  aria-pressed={action === chosen}
                  onClick={() => onChoose(action)}
                >
                  {action}
                </UnstyledButton>
              </Table.Th>
              {roles.map((role) => (
                <Table.Td key={role.name} data-mine={role.mine || undefined} className={classes.cell}>
                  {role.actions.includes(action) ? (
                    <IconCheck size={16} aria-label="allowed" className={classes.yes} />
                  ) : (
                    <span aria-label="not allowed" role="img" className={classes.no}>
                      ·
                    </span>
                  )}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
