import { Text } from '@mantine/core';

import type { AgentInfo } from '@/features/agents/api/get-agent';
import { AgentLink } from '@/features/agents/components/agent-link';
import classes from '@/features/agents/components/agent-team.module.css';
import { TeamPicture } from '@/features/agents/components/team-picture';
import type { TeamMode } from '@/features/agents/team-layout';

const MODES: Record<TeamMode, (rounds: number) => string> = {
  sequential: () => 'One after another: each one knows the answers before it. This agent briefs them and concludes.',
  parallel: () => 'All at once, each on its own part. This agent briefs them and puts their answers together.',
  supervisor: () => 'This agent decides on the way whom it asks, and how often.',
  debate: (rounds) =>
    `All of them answer, read each other’s answers and answer again, ${rounds} rounds in all. This agent judges.`,
};

/** Which agents work under this one and how, and whom it may ask. */
export function AgentTeam({ team, consults }: Pick<AgentInfo, 'team' | 'consults'>) {
  return (
    <div className={classes.colleagues}>
      {team && (
        <section className={classes.team}>
          <div>
            <h2 className={classes.label}>Works with a team</h2>
            <Text className={classes.words}>{MODES[team.mode](team.rounds)}</Text>
            <ol className={classes.members}>
              {team.members.map((id) => (
                <li key={id}>
                  <AgentLink id={id} />
                </li>
              ))}
            </ol>
          </div>
          <TeamPicture
            mode={team.mode}
            count={team.members.length}
            label={`A ${team.mode} team of ${team.members.length} agents and this one`}
          />
        </section>
      )}
      {consults.length > 0 && (
        <section>
          <h2 className={classes.label}>May ask</h2>
          <ul className={classes.consulted}>
            {consults.map((id) => (
              <li key={id}>
                <AgentLink id={id} />
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}
