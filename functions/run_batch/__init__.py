"""Files and results of batches: what comes before and after the lines are run."""
