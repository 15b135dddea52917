import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { parse } from 'yaml';

import type { components } from '@/lib/api/schema';

export type AgentInfo = components['schemas']['AgentInfo'];
type Definition = Omit<AgentInfo, 'id' | 'group' | 'limits'> & { limits?: Partial<AgentInfo['limits']> };

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
    effort: definition.effort ?? null,
    limits: { timeout_seconds: 120, cache_ttl_seconds: 0, ...definition.limits },
    guardrails: { ...definition.guardrails },
  };
}
