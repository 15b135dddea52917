import '@testing-library/jest-dom/vitest';

import { cleanup, configure } from '@testing-library/react';
import { afterAll, afterEach, beforeAll, beforeEach, expect, vi } from 'vitest';

import { end } from '@/lib/session/session';
import { server, strangers } from '@/testing/server';

configure({ asyncUtilTimeout: 10_000 });

// What jsdom lacks and the component library asks for.
window.matchMedia = (query) =>
  ({
    matches: false,
    media: query,
    addEventListener: vi.fn(),
    removeEventListener: vi.fn(),
  }) as unknown as MediaQueryList;
window.ResizeObserver = class {
  observe = vi.fn();
  unobserve = vi.fn();
  disconnect = vi.fn();
};
window.scrollTo = vi.fn();
Element.prototype.scrollIntoView = vi.fn();
Range.prototype.getClientRects = () => [] as unknown as DOMRectList;
Object.defineProperty(document, 'fonts', { value: { addEventListener: vi.fn(), removeEventListener: vi.fn() } });

beforeAll(() => {
  server.listen({ onUnhandledRequest: 'error' });
});

beforeEach(() => {
  vi.spyOn(console, 'error');
  vi.spyOn(console, 'warn');
});

afterEach(() => {
  cleanup();
  end();
  window.localStorage.clear();
  server.resetHandlers();
  expect(strangers.splice(0), 'requests that no handler expected').toEqual([]);
  expect(vi.mocked(console.error).mock.calls, 'errors on the console').toEqual([]);
  expect(vi.mocked(console.warn).mock.calls, 'warnings on the console').toEqual([]);
});

afterAll(() => {
  server.close();
});
