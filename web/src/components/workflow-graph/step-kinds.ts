import {
  IconArrowsSplit2,
  IconClock,
  IconFlagX,
  IconGitBranch,
  IconPlug,
  IconRepeat,
  IconRobot,
  IconSitemap,
  IconStack2,
  IconTransform,
  IconUserCheck,
  IconUsersGroup,
} from '@tabler/icons-react';

/** What each kind of step is called, and its sign. */
const KINDS: Record<string, { label: string; Icon: typeof IconRobot }> = {
  agent: { label: 'Agent', Icon: IconRobot },
  team: { label: 'Team', Icon: IconUsersGroup },
  transform: { label: 'Transform', Icon: IconTransform },
  connector: { label: 'Connector', Icon: IconPlug },
  workflow: { label: 'Workflow', Icon: IconSitemap },
  approval: { label: 'Approval', Icon: IconUserCheck },
  wait: { label: 'Wait', Icon: IconClock },
  parallel: { label: 'Parallel', Icon: IconArrowsSplit2 },
  map: { label: 'For each item', Icon: IconStack2 },
  choice: { label: 'Choice', Icon: IconGitBranch },
  loop: { label: 'Loop', Icon: IconRepeat },
  fail: { label: 'Fail', Icon: IconFlagX },
};

export function stepKind(kind: string) {
  return KINDS[kind] ?? { label: kind, Icon: IconTransform };
}
