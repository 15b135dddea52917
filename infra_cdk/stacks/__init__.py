"""One module per CloudFormation stack; stacks compose, `infra_cdk.constructs` builds."""
