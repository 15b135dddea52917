import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import openapiTS, { astToString } from 'openapi-typescript';
import { expect, it } from 'vitest';

it('the types of the client are those of the exported API document (else: npm run generate)', async () => {
  const types = astToString(await openapiTS(pathToFileURL(path.resolve('../docs/api/openapi.json'))));
  expect(readFileSync('src/lib/api/schema.d.ts', 'utf8')).toContain(types.trim());
});
