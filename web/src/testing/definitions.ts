import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { parse } from 'yaml';

import type { components } from '@/lib/api/schema';

export type AgentInfo = components['schemas']['AgentInfo'];
/** As its author writes it: much may be left out. */
type Definition = Omit<AgentInfo, 'id' | 'group' | 'limits' | Optional> &
  Partial<Pick<AgentInfo, Optional>> & { limits?: Partial<AgentInfo['limits']> };
type Optional = 'effort' | 'model' | 'framework' | 'memory' | 'tools' | 'consults' | 'team';

/** Tests run in the folder of the site, beside the folder of the definitions. */
const FOLDER = path.resolve('../agent_defs');

const FILES = new Map(
  readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
    .filter((file) => /^[^/]+\/[^/]+\.(yaml|json)$/.test(file))
    .map((file) => [file.replace(/\.\w+$/, ''), file]),
);

/** The ids of all agents of the catalogue. */
export function agentIds(): string[] {
  return [...FILES.keys()].sort();
}

/** An agent of the catalogue as the API describes it. */
export function agentInfo(id: string): AgentInfo {
  const file = FILES.get(id);
  if (!file) throw new Error(`agent_defs has no ${id}.`);
  // JSON is YAML as well.
  const definition = parse(readFileSync(path.join(FOLDER, file), 'utf8')) as Definition;
  return {
    ...definition,
    id,
    group: id.split('/')[0] ?? '',
    // What a definition may leave out has a value in the API.
    model: definition.model ?? 'balanced',
    effort: definition.effort ?? null,
    framework: definition.framework ?? 'custom',
    memory: definition.memory ?? 'none',
    tools: definition.tools ?? [],
    consults: definition.consults ?? [],
    switched_off: null,
    team: definition.team ? { ...{ rounds: 2 }, ...definition.team } : null,
    limits: {
      timeout_seconds: 120,
      cache_ttl_seconds: 0,
      cache_scope: 'user',
      max_tokens: 1_000_000,
      max_tool_rounds: 11,
      ...definition.limits,
    },
    guardrails: { ...definition.guardrails },
  };
}
