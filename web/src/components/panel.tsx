import type { ReactNode, Ref } from 'react';

import classes from '@/components/panel.module.css';

interface PanelProps {
  title: string;
  actions?: ReactNode;
  children: ReactNode;
  footer?: ReactNode;
  ref?: Ref<HTMLElement> | undefined;
  hasStickyFoot?: boolean;
  /** Beside a longer neighbour: stays in sight and scrolls inside. */
  staysInSight?: boolean;
  /** What it holds fills it to the edges. */
  isFlush?: boolean;
}

/** A surface with a heading, room for actions beside it, and a foot. */
export function Panel({
  title,
  actions,
  children,
  footer,
  hasStickyFoot = false,
  staysInSight = false,
  isFlush = false,
  ref,
}: PanelProps) {
  return (
    <section ref={ref} aria-label={title} className={classes.panel} data-in-sight={staysInSight || undefined}>
      <div className={classes.head}>
        <h2 className={classes.title}>{title}</h2>
        {actions && <div className={classes.actions}>{actions}</div>}
      </div>
      <div className={classes.body} data-flush={isFlush || undefined}>
        {children}
      </div>
      {footer && (
        <div className={classes.foot} data-sticky={hasStickyFoot || undefined}>
          {footer}
        </div>
      )}
    </section>
  );
}
