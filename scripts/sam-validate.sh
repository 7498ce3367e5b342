#!/usr/bin/env bash
# Checks every CloudFormation template: template.yaml as SAM, with cfn-lint; the others with cfn-lint alone.
# Needs no AWS account and no network. Run scripts/tools.sh first.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$STOWAGE_ROOT"

# Only for checks that depend on the region; nothing is sent there.
AWS_DEFAULT_REGION="${AWS_DEFAULT_REGION:-eu-central-1}"
export AWS_DEFAULT_REGION

"$STOWAGE_TOOLS/sam/bin/sam" validate --lint --template-file template.yaml --config-file "$STOWAGE_ROOT/samconfig.toml" </dev/null
"$STOWAGE_TOOLS/cfn-lint/bin/cfn-lint" --non-zero-exit-code warning template.yaml infra/*.yaml
echo "infra/: no findings"
