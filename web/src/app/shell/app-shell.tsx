import { Outlet, useLocation } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';

import { AppHeader } from '@/app/shell/app-header';
import classes from '@/app/shell/app-shell.module.css';

/** The frame around every page of a signed-in user. */
export function AppShell() {
  const pathname = useLocation({ select: (location) => location.pathname });
  const content = useRef<HTMLElement>(null);
  const shown = useRef(pathname);

  // A new page is read from its beginning, by keyboard and screen reader as well.
  useEffect(() => {
    if (shown.current === pathname) return;
    shown.current = pathname;
    content.current?.focus({ preventScroll: true });
  }, [pathname]);

  return (
    <>
      <a href="#content" className={classes.skip}>
        Skip to the content
      </a>
      <AppHeader />
      <main ref={content} id="content" tabIndex={-1} className={classes.main}>
        <Outlet />
      </main>
    </>
  );
}
