import { setupServer } from 'msw/node';

/** Every request of a test ends here; each test says what it expects with `server.use`. */
export const server = setupServer();

/** Requests that nobody expected; the test that made one fails. */
export const strangers: string[] = [];

server.events.on('request:unhandled', ({ request }) => {
  strangers.push(`${request.method} ${request.url}`);
});
