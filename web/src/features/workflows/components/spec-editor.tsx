import { Button, Skeleton, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconDeviceFloppy, IconListCheck, IconRocket } from '@tabler/icons-react';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ComponentType, lazy, Suspense, useEffect, useEffectEvent, useState } from 'react';

import { Panel } from '@/components/panel';
import { ProblemAlert } from '@/components/problem-alert';
import { checkWorkflowOptions } from '@/features/workflows/api/check-workflow';
import type { Workflow } from '@/features/workflows/api/get-workflow';
import { usePublishWorkflow } from '@/features/workflows/api/publish-workflow';
import { useSaveWorkflow } from '@/features/workflows/api/save-workflow';
import { SpecCheck } from '@/features/workflows/components/spec-check';
import classes from '@/features/workflows/components/spec-editor.module.css';
import { UnsavedChanges } from '@/features/workflows/components/unsaved-changes';
import { ApiProblem } from '@/lib/api/problem';

const YamlEditor = lazy(() => import('@/features/workflows/components/yaml-editor'));

/** Milliseconds without a keystroke after which the source is checked. */
const PAUSE = 700;

interface SpecEditorProps {
  /** The workflow that gets a further version; without it a new one is made. */
  workflow?: Workflow | undefined;
  start: string;
  isReadOnly?: boolean;
  onSaved: (id: string) => void;
  AgentName: ComponentType<{ id: string }>;
}

/** A spec as text, and beside it what is wrong with it, or its picture. */
export function SpecEditor({ workflow, start, isReadOnly = false, onSaved, AgentName }: SpecEditorProps) {
  const queries = useQueryClient();
  const [source, setSource] = useState(start);
  const [settled] = useDebouncedValue(source, PAUSE);
  const [asked, setAsked] = useState<string | null>(null);
  const [reveal, setReveal] = useState<{ line: number }>();
  const check = useQuery(checkWorkflowOptions(asked === source ? source : settled));
  const save = useSaveWorkflow(workflow?.id);
  const publish = usePublishWorkflow();
  const [savedId, setSavedId] = useState<string>();
  const [picture, setPicture] = useState(check.data);
  if (check.data && check.data !== picture) setPicture(check.data);
  const isBusy = save.isPending || publish.isPending;
  const saveProblem = save.error ?? publish.error;
  // What is wrong with the spec stands in the list of faults.
  const isAboutSpec = saveProblem instanceof ApiProblem && saveProblem.fields.length > 0;

  /** What was said of the text before holds no longer; a save that is under way goes on. */
  function change(text: string) {
    setSource(text);
    if (save.isError) save.reset();
    if (publish.isError) publish.reset();
  }

  function checkNow() {
    setAsked(source);
    void queries.invalidateQueries({ queryKey: checkWorkflowOptions(source).queryKey });
  }

  function store(isLive: boolean) {
    save.mutate(source, {
      onSuccess: ({ id, latest_version }) => {
        if (isLive) publish.mutate({ workflowId: id, version: latest_version }, { onSettled: () => setSavedId(id) });
        else setSavedId(id);
      },
    });
  }
  // Only once nothing is unsaved any more: leaving is not asked about then.
  const tellSaved = useEffectEvent(onSaved);
  useEffect(() => {
    if (savedId !== undefined) tellSaved(savedId);
  }, [savedId]);

  return (
    <div className={classes.columns}>
      <UnsavedChanges isDirty={source !== start && savedId === undefined && !isReadOnly} />
      <Panel
        title={isReadOnly ? 'Source' : 'Spec'}
        isFlush
        staysInSight
        footer={
          !isReadOnly && (
            <>
              <Button
                leftSection={<IconRocket size={16} stroke={1.75} aria-hidden="true" />}
                loading={isBusy}
                onClick={() => store(true)}
              >
                Save and publish
              </Button>
              <Button
                variant="default"
                leftSection={<IconDeviceFloppy size={16} stroke={1.75} aria-hidden="true" />}
                disabled={isBusy}
                onClick={() => store(false)}
              >
                Save as a draft
              </Button>
              <Button
                variant="default"
                leftSection={<IconListCheck size={16} stroke={1.75} aria-hidden="true" />}
                loading={check.isFetching && asked === source}
                onClick={checkNow}
              >
                Check
              </Button>
              <Text size="xs" c="dimmed">
                YAML or JSON. It is checked while you write; nothing is stored until you save.
              </Text>
            </>
          )
        }
      >
        <div className={classes.text}>
          <Suspense
            fallback={
              <Skeleton height="100%" radius={0} role="status" aria-busy="true" aria-label="Loading the editor" />
            }
          >
            <YamlEditor
              label="Spec of the workflow"
              value={source}
              onChange={change}
              isReadOnly={isReadOnly}
              reveal={reveal}
            />
          </Suspense>
        </div>
      </Panel>
      <div className={classes.findings}>
        {saveProblem && !isAboutSpec && <ProblemAlert error={saveProblem} title="It was not saved" />}
        <SpecCheck
          checked={picture}
          isCurrent={check.data !== undefined}
          error={isAboutSpec ? saveProblem : check.error}
          source={source}
          onGoTo={(line) => setReveal({ line })}
          AgentName={AgentName}
        />
      </div>
    </div>
  );
}
