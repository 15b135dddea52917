"""The CDK app with this laptop's context, which holds the database's password: an argument would show it to every user.

Run by `cdk` as `python -m infra_cdk.local.app`; the context comes as JSON in LOCAL_CONTEXT.
"""

import json
import os
import runpy

if __name__ == "__main__":
    context = json.loads(os.environ.get("CDK_CONTEXT_JSON") or "{}") | json.loads(os.environ["LOCAL_CONTEXT"])
    os.environ["CDK_CONTEXT_JSON"] = json.dumps(context)
    runpy.run_module("infra_cdk.app", run_name="__main__")
