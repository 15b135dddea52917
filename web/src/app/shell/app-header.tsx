import { Link, useLocation } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';

import { ColourSchemeToggle } from '@/app/shell/colour-scheme-toggle';
import classes from '@/app/shell/app-shell.module.css';
import { Logo } from '@/components/logo';
import { ApprovalCount } from '@/features/approvals/components/approval-count';
import { BudgetMeter } from '@/features/budget/components/budget-meter';
import { LetterCount } from '@/features/dead-letters/components/letter-count';
import { UserMenu } from '@/features/session/components/user-menu';

export function AppHeader() {
  const nav = useRef<HTMLElement>(null);
  const pathname = useLocation({ select: (location) => location.pathname });

  // On a phone the navigation scrolls: where the reader is comes into sight, also when a count makes the others wider.
  useEffect(() => {
    const show = () =>
      nav.current?.querySelector('[aria-current="page"]')?.scrollIntoView({ inline: 'nearest', block: 'nearest' });
    const widths = new ResizeObserver(show);
    for (const link of nav.current?.children ?? []) widths.observe(link);
    return () => widths.disconnect();
  }, [pathname]);

  return (
    <header className={classes.header}>
      <div className={classes.bar}>
        <Link to="/" className={classes.brand} aria-label="AI-Agents Platform, start page">
          <Logo />
          <span className={classes.name}>AI-Agents Platform</span>
        </Link>
        <nav ref={nav} aria-label="Main" className={classes.nav}>
          <Link to="/" activeOptions={{ exact: true, includeSearch: false }} className={classes.link}>
            Agents
          </Link>
          <Link to="/executions" className={classes.link}>
            Executions
          </Link>
          <Link to="/batches" className={classes.link}>
            Batches
          </Link>
          <Link to="/workflows" className={classes.link}>
            Workflows
          </Link>
          <Link to="/runs" className={classes.link}>
            Runs
          </Link>
          <Link to="/analytics" className={classes.link}>
            Analytics
          </Link>
          <Link to="/approvals" className={`${classes.link} ${classes.waiting}`}>
            Approvals <ApprovalCount />
          </Link>
        </nav>
        <div className={classes.tools}>
          <BudgetMeter />
          <ColourSchemeToggle />
          <UserMenu openLetters={<LetterCount />} />
        </div>
      </div>
    </header>
  );
}
