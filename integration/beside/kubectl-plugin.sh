#!/usr/bin/env bash
# The kubectl plugin against a cluster, by kubectl alone: pods are made in the current namespace and deleted again.
#
# Needs kubectl and a KUBECONFIG, an image with podprobe at /podprobe (PODPROBE_IMAGE) and one with sleep (APP_IMAGE), and a
# cluster that gives a pod with the annotation mesh.test/rules: NAME the redirection rules NAME.
set -euo pipefail
HERE=$(dirname "$(readlink -f "$0")")
PATH=$(readlink -f "$HERE/../../manifests/kubectl-plugin"):$PATH
export PODPROBE_IMAGE=${PODPROBE_IMAGE:-localhost/podprobe:test}
APP_IMAGE=${APP_IMAGE:-localhost/busybox:test}
PASSED=0 FAILED=0 OUT='' CODE=0

kubectl version >/dev/null 2>&1 || { echo "kubectl-plugin.sh: no cluster answers kubectl" >&2; exit 1; }

pod() {
  cat <<YAML
apiVersion: v1
kind: Pod
metadata: {name: $1, annotations: {mesh.test/rules: $2}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: app, image: "$APP_IMAGE", imagePullPolicy: IfNotPresent, command: [sleep, "3600"]}]
---
YAML
}

# A place of its own: what is left behind there is the plugin's.
TMPDIR=$(mktemp -d)
export TMPDIR

# trap: an earlier run may have been killed
cleanup() { kubectl delete pod plugin-held plugin-broken --ignore-not-found --wait=true >/dev/null 2>&1 || true; }
trap 'cleanup; rm -rf "$TMPDIR"' EXIT
cleanup
{ pod plugin-held sidecar; pod plugin-broken outbound-missing; } | kubectl apply -f - >/dev/null
kubectl wait --for=condition=Ready pod/plugin-held pod/plugin-broken --timeout=60s >/dev/null

look() { CODE=0; OUT=$(kubectl podprobe "$@" 2>&1) || CODE=$?; }

# says NAME CODE TEXT…: the last look ended with this code, and said all of this.
says() {
  local name=$1 code=$2 text missing=''
  for text in "${@:3}"; do [[ $OUT == *"$text"* ]] || missing+=" \"$text\""; done
  if [[ $CODE == "$code" && -z $missing ]]; then
    PASSED=$((PASSED + 1)); echo "ok   $name"
  else
    FAILED=$((FAILED + 1)); echo "FAIL $name: exit $CODE, wanted $code; not said:${missing:- nothing}"; echo "${OUT//$'\n'/$'\n'       }"
  fi
}

look plugin-held;                                  says "the application's half" 0 "as 65532:" "outbound 1" "ok after"
look plugin-held --as proxy;                       says "the proxy's half" 0 "as 1337:1337" "inbound 4" "ok after"
look plugin-held --as both;                        says "both halves, no more" 0 "as 0:0" "outbound 1" "inbound 4"
look plugin-held --as root;                        says "both halves" 0 "as 0:0" "outbound 1" "inbound 4"
look plugin-held --as root --profile general;      says "the security context decides, not the profile" 0 "as 0:0" "inbound 4"
look pod/plugin-broken;                            says "a broken pod's exit code comes through" 30 "redirect-missing" "next: kubectl"
look plugin-broken -- redirect -v;                 says "flows as paths" 30 "app 65532 → " "⇢ expected 15001, went out by eth0"
look plugin-held --as proxy -- redirect --require outbound; says "a proof that this user cannot make" 5 "proof-required"
look plugin-held --as root -- rules;               says "the rules" 0 "ISTIO_OUTPUT"
look plugin-held -- rules;                         says "no rules without the privilege" 5 "needs the capability NET_ADMIN"
look plugin-held --target app;                     says "a target" 0 "ok after"
look plugin-held -- --output json;                 says "a report for machines" 0 '"verdict": "ok"'
look plugin-broken -- --output json; OUT="[${OUT:0:1}${OUT: -1}]"; says "nothing but the report" 30 "[{}]"
look plugin-held -- --no-such-flag;                says "a wrong flag of podprobe's" 2 "--no-such-flag"
look plugin-held --image localhost/no-such-image:0 --timeout 20; says "an image that is not there" 1 "does not start"
look no-such-pod;                                  says "a pod that is not there" 1 "not found"
look plugin-held --namespace no-such-namespace;    says "a namespace that is not there" 1 "no-such-namespace"
look plugin-held --as somebody;                    says "a wrong user" 2 "--as somebody"

context=$(kubectl config current-context)
look plugin-held --context="$context";             says "a context" 0 "ok after"

left=("$TMPDIR"/kubectl-podprobe.*)
OUT="${left[*]}" CODE=$([[ -e ${left[0]} ]] && echo 1 || echo 0)
says "no file is left behind" 0

echo "$PASSED passed, $FAILED failed"
((FAILED == 0))
