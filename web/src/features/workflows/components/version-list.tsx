import { Anchor, Badge, Button, Skeleton } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { Panel } from '@/components/panel';
import { ProblemAlert } from '@/components/problem-alert';
import classes from '@/components/rows.module.css';
import type { Workflow } from '@/features/workflows/api/get-workflow';
import { listVersionsOptions } from '@/features/workflows/api/list-versions';
import { usePublishWorkflow } from '@/features/workflows/api/publish-workflow';
import { formatAgo, formatMoment } from '@/lib/format';

/** Every version with the way to make it live: for the first time, or again. */
export function VersionList({ workflow }: { workflow: Workflow }) {
  const versions = useQuery(listVersionsOptions(workflow.id));
  const publish = usePublishWorkflow();
  const canPublish = workflow.owner === 'me' && workflow.status !== 'archived';
  const isReturn = (version: number, publishedAt: string | null) =>
    publishedAt !== null && workflow.live_version !== null && version < workflow.live_version;
  return (
    <Panel title="Versions">
      {versions.isPending && <Skeleton height={96} role="status" aria-busy="true" aria-label="Loading versions" />}
      {versions.isError && <ProblemAlert error={versions.error} onRetry={() => void versions.refetch()} />}
      {publish.isError && <ProblemAlert error={publish.error} title="The live version was not changed" />}
      {versions.data && (
        <ul className={classes.list}>
          {versions.data.map(({ version, created_at, published_at, live }) => (
            <li key={version} className={classes.row}>
              <div className={classes.main}>
                Version {version} {live && <Badge>Live</Badge>}
                <span className={classes.note}>
                  Written{' '}
                  <time dateTime={created_at} title={formatMoment(created_at)}>
                    {formatAgo(created_at)}
                  </time>
                  {published_at && (
                    <>
                      , published{' '}
                      <time dateTime={published_at} title={formatMoment(published_at)}>
                        {formatAgo(published_at)}
                      </time>
                    </>
                  )}
                </span>
              </div>
              <div className={classes.actions}>
                {canPublish && !live && (
                  <Button
                    size="compact-sm"
                    variant="default"
                    loading={publish.isPending && publish.variables.version === version}
                    onClick={() =>
                      publish.mutate({ workflowId: workflow.id, version, isReturn: isReturn(version, published_at) })
                    }
                  >
                    {isReturn(version, published_at) ? 'Roll back to it' : 'Publish'}
                  </Button>
                )}
                <Anchor
                  size="sm"
                  aria-label={`Source of version ${version}`}
                  renderRoot={(props) => (
                    <Link {...props} to="/workflows/$id/edit" params={{ id: workflow.id }} search={{ version }} />
                  )}
                >
                  Source
                </Anchor>
              </div>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}
