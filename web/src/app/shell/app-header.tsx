import { Link } from '@tanstack/react-router';

import { ColourSchemeToggle } from '@/app/shell/colour-scheme-toggle';
import classes from '@/app/shell/app-shell.module.css';
import { Logo } from '@/components/logo';
import { BudgetMeter } from '@/features/budget/components/budget-meter';
import { UserMenu } from '@/features/session/components/user-menu';

export function AppHeader() {
  return (
    <header className={classes.header}>
      <div className={classes.bar}>
        <Link to="/" className={classes.brand} aria-label="AI-Agents Platform, start page">
          <Logo />
          <span className={classes.name}>AI-Agents Platform</span>
        </Link>
        <nav aria-label="Main" className={classes.nav}>
          <Link to="/" activeOptions={{ exact: true, includeSearch: false }} className={classes.link}>
            Agents
          </Link>
          <Link to="/executions" className={classes.link}>
            Executions
          </Link>
          <Link to="/batches" className={classes.link}>
            Batches
          </Link>
        </nav>
        <div className={classes.tools}>
          <BudgetMeter />
          <ColourSchemeToggle />
          <UserMenu />
        </div>
      </div>
    </header>
  );
}
