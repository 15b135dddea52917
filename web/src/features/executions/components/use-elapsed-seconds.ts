import { useEffect, useState } from 'react';

/** Whole seconds since `startedAt` (Unix milliseconds), counting on. */
export function useElapsedSeconds(startedAt: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const clock = setInterval(() => setNow(Date.now()), 250);
    return () => clearInterval(clock);
  }, []);
  return Math.max(0, Math.floor((now - startedAt) / 1000));
}
