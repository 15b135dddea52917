import { Button, Tooltip } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useMutation } from '@tanstack/react-query';

import { type ReportName, saveReport } from '@/features/analytics/api/reports';
import type { AnalyticsFilter } from '@/features/analytics/filter';

interface CsvButtonProps {
  name: ReportName;
  /** What is stored, for those who hear it. */
  what: string;
  filter: AnalyticsFilter;
}

/** Stores a report whole, as a file for spreadsheets. */
export function CsvButton({ name, what, filter }: CsvButtonProps) {
  const save = useMutation({ mutationFn: () => saveReport(name, filter) });
  return (
    <Tooltip label={save.isError ? `It was not stored. ${save.error.message}` : `${what} as CSV`}>
      <Button
        size="compact-sm"
        variant="subtle"
        color={save.isError ? 'red' : 'gray'}
        leftSection={<IconDownload size={15} aria-hidden="true" />}
        aria-label={`${what} as CSV`}
        loading={save.isPending}
        onClick={() => save.mutate()}
      >
        {save.isError ? 'Try again' : 'CSV'}
      </Button>
    </Tooltip>
  );
}
