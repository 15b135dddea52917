import { Outlet } from '@tanstack/react-router';

import { AppHeader } from '@/app/shell/app-header';
import classes from '@/app/shell/app-shell.module.css';

/** The frame around every page of a signed-in user. */
export function AppShell() {
  return (
    <>
      <a href="#content" className={classes.skip}>
        Skip to the content
      </a>
      <AppHeader />
      <main id="content" tabIndex={-1} className={classes.main}>
        <Outlet />
      </main>
    </>
  );
}
