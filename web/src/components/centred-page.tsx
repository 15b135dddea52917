import type { ReactNode } from 'react';

import classes from '@/components/centred-page.module.css';

/** A page with one thing in its middle. */
export function CentredPage({ children }: { children: ReactNode }) {
  return <main className={classes.page}>{children}</main>;
}
