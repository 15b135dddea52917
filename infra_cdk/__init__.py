"""The platform as an AWS CDK app: `app.py` composes stacks, `stages.py` says how the stages differ."""
