{{/* The chart's name, or what replaces it. */}}
{{- define "loghook.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 50 | trimAll "-." -}}
{{- end -}}

{{/*
The stem of all names. A Service's name has at most 63 characters, and the longest of our suffixes is "-selfsigned": so
the stem is cut before anything is put behind it. Nor has it dots, as the name of a release may.
*/}}
{{- define "loghook.fullname" -}}
{{- $name := include "loghook.name" . -}}
{{- $stem := .Values.fullnameOverride | default (contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name)) -}}
{{- $stem | replace "." "-" | trunc 50 | trimAll "-" -}}
{{- end -}}

{{/* The namespace of everything that has one: the release's, or what replaces it. */}}
{{- define "loghook.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace -}}
{{- end -}}

{{/* What selects the Pods of one component, and never changes: (list . "component") */}}
{{- define "loghook.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "loghook.name" $root | quote }}
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 | quote }}
{{- end -}}

{{/*
All labels of one component: (list . "component"), and then further ones. By the first of ours Pods are selected, and by
managed-by Helm knows its own, so they stand; the others are the user's to change.
*/}}
{{- define "loghook.labels" -}}
{{- $root := index . 0 -}}
{{- $fixed := merge (include "loghook.selector" . | fromYaml) (dict "app.kubernetes.io/managed-by" $root.Release.Service) -}}
{{- $chart := printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- $ours := dict "app.kubernetes.io/version" $root.Chart.AppVersion "app.kubernetes.io/part-of" "loghook" "helm.sh/chart" $chart -}}
{{- $further := dict -}}
{{- if gt (len .) 2 -}}{{- $further = index . 2 | default dict -}}{{- end -}}
{{ toYaml (merge $fixed $further ($root.Values.commonLabels | default dict) $ours) }}
{{- end -}}

{{/* Annotations, those of everything first: (list . annotations) */}}
{{- define "loghook.annotations" -}}
{{- with merge (dict) (index . 1 | default dict) ((index . 0).Values.commonAnnotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
Name, namespace, labels and annotations of one object: (list . "component" "name" annotations), and then its namespace
where it is not the release's (an empty one: it belongs to none), and further labels.
*/}}
{{- define "loghook.metadata" -}}
{{- $root := index . 0 -}}
{{- $namespace := (include "loghook.namespace" $root) -}}
{{- if gt (len .) 4 -}}{{- $namespace = index . 4 -}}{{- end -}}
{{- $labels := dict -}}
{{- if gt (len .) 5 -}}{{- $labels = index . 5 -}}{{- end -}}
name: {{ index . 2 }}
{{- with $namespace }}
namespace: {{ . }}
{{- end }}
labels:
  {{- include "loghook.labels" (list $root (index . 1) $labels) | nindent 2 }}
{{- include "loghook.annotations" (list $root (index . 3)) }}
{{- end -}}

{{/* The annotations of a hook, besides which others may stand: (list . "events" weight). What succeeded is removed, what failed is left to be looked at. */}}
{{- define "loghook.hook" -}}
helm.sh/hook: {{ index . 1 | quote }}
helm.sh/hook-weight: {{ index . 2 | quote }}
helm.sh/hook-delete-policy: {{ index . 3 | default "before-hook-creation,hook-succeeded" | quote }}
{{- end -}}

{{/*
An image: (list . {repository, tag, digest}). What is not said of it is that of the chart's own image, and
`global.imageRegistry` replaces its registry, as `config.images.registry` does for what is injected.
*/}}
{{- define "loghook.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 | default dict -}}
{{- $own := ternary (dict "repository" "" "tag" "" "digest" "") $root.Values.image (not (empty $image.repository)) -}}
{{- $repository := $image.repository | default $root.Values.image.repository -}}
{{- with include "loghook.globalRegistry" $root -}}
{{- $repository = printf "%s/%s" . (regexReplaceAll "^([^/]*[.:][^/]*|localhost)/" $repository "") -}}
{{- end -}}
{{- with $image.digest | default (ternary "" $own.digest (not (empty $image.tag))) -}}
{{ printf "%s@%s" $repository . }}
{{- else -}}
{{ printf "%s:%s" $repository ($image.tag | default $own.tag | default $root.Chart.AppVersion) }}
{{- end -}}
{{- end -}}

{{/* What a chart that has this one among its dependencies says for all its images: a registry. */}}
{{- define "loghook.globalRegistry" -}}
{{- (.Values.global | default dict).imageRegistry | default "" | trimSuffix "/" -}}
{{- end -}}

{{/* The Secrets with which to pull our own images, ours and `global.imagePullSecrets`, as a list. */}}
{{- define "loghook.pullSecrets" -}}
{{- $secrets := .Values.imagePullSecrets | default list -}}
{{- range (.Values.global | default dict).imagePullSecrets -}}
{{- $secrets = append $secrets (kindIs "string" . | ternary (dict "name" .) .) -}}
{{- end -}}
{{ toYaml (uniq $secrets) }}
{{- end -}}

{{/*
The file `loghook.yaml`: `config`, and where that says no registry, what is said for all images of a parent chart.
*/}}
{{- define "loghook.config" -}}
{{- $config := deepCopy (.Values.config | default dict) -}}
{{- $global := .Values.global | default dict -}}
{{- if not (hasKey ($config.images | default dict) "reader") -}}
{{- $_ := set $config "images" (merge (dict "reader" (include "loghook.image" (list . .Values.image))) ($config.images | default dict)) -}}
{{- end -}}
{{- if not (hasKey ($config.images | default dict) "registry") -}}
{{- with include "loghook.globalRegistry" . -}}
{{- $_ := set $config "images" (merge (dict "registry" .) ($config.images | default dict)) -}}
{{- end -}}
{{- if and $global.imagePullSecrets (not (hasKey $config "imagePullSecrets")) -}}
{{- $names := list -}}
{{- range $global.imagePullSecrets -}}
{{- $names = append $names (kindIs "string" . | ternary . (get (kindIs "map" . | ternary . dict) "name")) -}}
{{- end -}}
{{- $_ := set $config "imagePullSecrets" (uniq $names) -}}
{{- end -}}
{{- end -}}
{{- with pick .Values.workloads "action" "kinds" -}}
{{- if or (ne .action "Warn") .kinds -}}{{- $_ := set $config "workloads" . -}}{{- end -}}
{{- end -}}
{{ toYaml $config }}
{{- end -}}

{{- define "loghook.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "loghook.fullname" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end -}}

{{- define "loghook.certsServiceAccountName" -}}
{{- $account := .Values.certificates.selfManaged.serviceAccount -}}
{{- if $account.create -}}
{{ $account.name | default (printf "%s-certs" (include "loghook.fullname" .)) }}
{{- else -}}
{{ required "certificates.selfManaged.serviceAccount.name: name the account that is not created" $account.name }}
{{- end -}}
{{- end -}}

{{/*
The Secret with tls.crt and tls.key. Each mode has its own, so that a change of the mode leaves nobody to fight over one.
*/}}
{{- define "loghook.secretName" -}}
{{- $mode := .Values.certificates.mode -}}
{{- if eq $mode "provided" -}}
{{ required "certificates.provided.secretName: name the Secret with your certificate" .Values.certificates.provided.secretName }}
{{- else -}}
{{ include "loghook.fullname" . }}-{{ ternary "tls" "serving" (eq $mode "selfManaged") }}
{{- end -}}
{{- end -}}

{{/* A map without the keys whose value is null, as YAML. */}}
{{- define "loghook.withoutNull" -}}
{{- $kept := dict -}}
{{- range $key, $value := . -}}
{{- if not (kindIs "invalid" $value) -}}{{- $_ := set $kept $key $value -}}{{- end -}}
{{- end -}}
{{ toYaml $kept }}
{{- end -}}

{{/*
What all Pods have in common: who runs them, and where. (list . {nodeSelector, tolerations}): what is said there, and is not
empty, holds instead.
*/}}
{{- define "loghook.podSettings" -}}
{{- $own := index . 1 -}}
{{- with index . 0 -}}
enableServiceLinks: false
{{- with include "loghook.pullSecrets" . | fromYamlArray }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "loghook.withoutNull" .Values.podSecurityContext | nindent 2 }}
{{- with $own.nodeSelector | default .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.tolerations | default .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .Values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Constraints that spread the Pods of one component: (list . "component" constraints) */}}
{{- define "loghook.spread" -}}
{{- $selector := dict "matchLabels" (include "loghook.selector" (list (index . 0) (index . 1)) | fromYaml) -}}
{{- $spread := list -}}
{{- range index . 2 -}}
{{- $spread = append $spread (merge (dict) . (dict "labelSelector" $selector "matchLabelKeys" (list "pod-template-hash"))) -}}
{{- end -}}
{{ toYaml $spread }}
{{- end -}}

{{/* How many injectors there are at least. */}}
{{- define "loghook.leastReplicas" -}}
{{- ternary (int .Values.autoscaling.minReplicas) (int .Values.replicaCount) .Values.autoscaling.enabled -}}
{{- end -}}

{{/* What all containers have in common. */}}
{{- define "loghook.container" -}}
image: {{ include "loghook.image" (list . .Values.image) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- include "loghook.withoutNull" .Values.securityContext | nindent 2 }}
{{- end -}}

{{/* Labels and annotations of the Pods of one component: (list . "component" annotations) */}}
{{- define "loghook.podMetadata" -}}
{{- $root := index . 0 -}}
labels:
  {{- include "loghook.labels" (list $root (index . 1) $root.Values.podLabels) | nindent 2 }}
{{- include "loghook.annotations" (list $root (merge (dict) (index . 2) ($root.Values.podAnnotations | default dict))) }}
{{- end -}}

{{/* Where Pods get sidecars: the conditions on namespaces, and on Pods, that nothing can loosen. */}}
{{- define "loghook.namespaceSelector" -}}
{{- $never := list (include "loghook.namespace" .) "kube-system" "kube-public" "kube-node-lease" -}}
{{- $never = concat $never (.Values.webhook.excludedNamespaces | default list) | uniq -}}
matchExpressions:
  - {key: kubernetes.io/metadata.name, operator: NotIn, values: {{ toJson $never }}}
  - {key: loghook.dev/inject, operator: NotIn, values: ["false"]}
  {{- with (.Values.webhook.namespaceSelector | default dict).matchExpressions }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with (.Values.webhook.namespaceSelector | default dict).matchLabels }}
matchLabels:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "loghook.objectSelector" -}}
matchExpressions:
  - {key: loghook.dev/inject, operator: NotIn, values: ["false"]}
  {{- with (.Values.webhook.objectSelector | default dict).matchExpressions }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with (.Values.webhook.objectSelector | default dict).matchLabels }}
matchLabels:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* How many seconds a duration of Go's has, of hours, minutes and seconds: `720h`, `1h30m`. */}}
{{- define "loghook.seconds" -}}
{{- $seconds := 0 -}}
{{- range regexFindAll "[0-9]+[hms]" . -1 -}}
{{- $unit := substr (len . | add -1 | int) (len .) . -}}
{{- $seconds = add $seconds (mul (trimSuffix $unit . | int64) (get (dict "h" 3600 "m" 60 "s" 1) $unit)) -}}
{{- end -}}
{{ $seconds }}
{{- end -}}

{{/* Labels of the user's that would be others than those by which Pods are selected: (list . "value" labels) */}}
{{- define "loghook.checkLabels" -}}
{{- $selector := include "loghook.selector" (list (index . 0) "one of each kind of Pod") | fromYaml -}}
{{- $value := index . 1 -}}
{{- range $label, $text := index . 2 -}}
{{- if and (hasKey $selector $label) (ne $text (get $selector $label)) -}}
{{- fail (printf "%s: by %s (%s) Pods are selected, so it cannot be %q; leave it out" $value $label (get $selector $label) $text) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What the schema cannot say, because it takes two values to be wrong. */}}
{{- define "loghook.check" -}}
{{- if eq (toString .Values.enabled) "false" -}}
{{- fail "enabled: it is for the `condition` of a chart that has this one among its dependencies, which leaves it out; this chart itself cannot" -}}
{{- end -}}
{{- if and (regexMatch "^[0-9]" (include "loghook.fullname" .)) (semverCompare "<1.36.0-0" .Capabilities.KubeVersion.Version) -}}
{{- fail (printf "fullnameOverride: a Service's name begins with a letter before Kubernetes 1.36, and %q does not; give another, e.g. loghook" (include "loghook.fullname" .)) -}}
{{- end -}}
{{- include "loghook.checkConfig" . -}}
{{- if (.Values.config | default dict).workloads -}}
{{- fail "config.workloads: say it in `workloads`, by which the webhook is registered too" -}}
{{- end -}}
{{- include "loghook.checkOwner" . -}}
{{- include "loghook.checkLabels" (list . "podLabels" .Values.podLabels) -}}
{{- include "loghook.checkLabels" (list . "commonLabels" .Values.commonLabels) -}}
{{- if and .Values.autoscaling.enabled (lt (int .Values.autoscaling.maxReplicas) (int .Values.autoscaling.minReplicas)) -}}
{{- fail "autoscaling.maxReplicas: must not be below autoscaling.minReplicas" -}}
{{- end -}}
{{- with .Values.podDisruptionBudget -}}
{{- if and .enabled (not (kindIs "string" .minAvailable)) (ge (int .minAvailable) (include "loghook.leastReplicas" $ | int)) (gt (include "loghook.leastReplicas" $ | int) 1) -}}
{{- fail "podDisruptionBudget.minAvailable: must be below the number of injectors, or no node of theirs can ever be drained" -}}
{{- end -}}
{{- end -}}
{{- if and (eq .Values.dnsPolicy "None") (not .Values.dnsConfig.nameservers) -}}
{{- fail "dnsConfig.nameservers: with dnsPolicy None there are no others" -}}
{{- end -}}
{{- if and .Values.hostNetwork .Values.strategy (ne .Values.strategy.type "Recreate") (gt (toString (dig "rollingUpdate" "maxSurge" "25%" .Values.strategy) | trimSuffix "%" | int) 0) -}}
{{- fail "strategy.rollingUpdate.maxSurge: with hostNetwork two injectors on a node cannot have one port; set it to 0" -}}
{{- end -}}
{{- if lt (int .Values.terminationGracePeriodSeconds) (add (int .Values.drainSeconds) 10 | int) -}}
{{- fail "terminationGracePeriodSeconds: must be at least 10 more than drainSeconds, or the kubelet kills a server that still answers" -}}
{{- end -}}
{{- if and .Values.hostNetwork (eq (int .Values.webhook.port) 10250) -}}
{{- fail "webhook.port: the kubelet has 10250 on the node's network; with hostNetwork take another, e.g. 10260" -}}
{{- end -}}
{{- if eq (int .Values.webhook.port) (int .Values.metrics.port) -}}
{{- fail "metrics.port: must not be webhook.port" -}}
{{- end -}}
{{- with .Values.certificates -}}
{{- if and (eq .mode "selfManaged") (lt (int .selfManaged.caDays) (int .selfManaged.leafDays)) -}}
{{- fail "certificates.selfManaged.caDays: must not be below leafDays: a CA lives at least as long as what it signs" -}}
{{- end -}}
{{- if and (eq .mode "certManager") (le (include "loghook.seconds" .certManager.duration | int) (include "loghook.seconds" .certManager.renewBefore | int)) -}}
{{- fail "certificates.certManager.renewBefore: must be below duration, or cert-manager refuses the Certificate" -}}
{{- end -}}
{{- if and (eq .mode "provided") .provided.secretName .provided.caBundle (not (contains "-----BEGIN CERTIFICATE-----" (include "loghook.providedBundle" $ | b64dec))) -}}
{{- fail "certificates.provided.caBundle: there is no certificate in it; give the CA as PEM, or as base64 of PEM" -}}
{{- end -}}
{{- if and (eq .mode "provided") (not .provided.caBundle) (not (regexMatch "inject-ca|inject-cabundle" (toJson $.Values.webhook.annotations))) -}}
{{- fail "certificates.provided.caBundle: give the CA of your certificate, or have somebody inject it by webhook.annotations" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.verify.enabled .Values.clientCertificates.configMap (not .Values.verify.namespace) -}}
{{- fail "verify.namespace: with clientCertificates only the API server can ask the webhook; name a namespace, or set verify.enabled to false" -}}
{{- end -}}
{{- if and .Values.verify.namespace (or (eq .Values.verify.namespace (include "loghook.namespace" .)) (has .Values.verify.namespace (concat (list "kube-system" "kube-public" "kube-node-lease") (.Values.webhook.excludedNamespaces | default list)))) -}}
{{- fail "verify.namespace: Pods of this namespace get no sidecars; name another" -}}
{{- end -}}
{{- end -}}
