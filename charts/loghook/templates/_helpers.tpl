{{/* The chart's name, or what replaces it. */}}
{{- define "loghook.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/*
The stem of all names. A Service's name has at most 63 characters, and the longest of our suffixes is "-selfsigned": so
the stem is cut before anything is put behind it.
*/}}
{{- define "loghook.fullname" -}}
{{- $name := include "loghook.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects the Pods of one component, and never changes: (list . "component") */}}
{{- define "loghook.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "loghook.name" $root | quote }}
app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
app.kubernetes.io/component: {{ index . 1 | quote }}
{{- end -}}

{{/* All labels of one component: (list . "component") */}}
{{- define "loghook.labels" -}}
{{- $root := index . 0 -}}
{{ include "loghook.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service | quote }}
app.kubernetes.io/part-of: loghook
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" | quote }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Annotations, those of everything first: (list . annotations) */}}
{{- define "loghook.annotations" -}}
{{- with merge (dict) (index . 1) (index . 0).Values.commonAnnotations }}
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
{{- $namespace := $root.Release.Namespace -}}
{{- if gt (len .) 4 -}}{{- $namespace = index . 4 -}}{{- end -}}
{{- $labels := dict -}}
{{- if gt (len .) 5 -}}{{- $labels = index . 5 -}}{{- end -}}
name: {{ index . 2 }}
{{- with $namespace }}
namespace: {{ . }}
{{- end }}
labels:
  {{- include "loghook.labels" (list $root (index . 1)) | nindent 2 }}
  {{- with $labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- include "loghook.annotations" (list $root (index . 3)) }}
{{- end -}}

{{/* The annotations of a hook: (list . "events" weight). What succeeded is removed, what failed is left to be looked at. */}}
{{- define "loghook.hook" -}}
helm.sh/hook: {{ index . 1 | quote }}
helm.sh/hook-weight: {{ index . 2 | quote }}
helm.sh/hook-delete-policy: {{ index . 3 | default "before-hook-creation,hook-succeeded" | quote }}
{{- end -}}

{{- define "loghook.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ printf "%s@%s" .repository .digest }}
{{- else -}}
{{ printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) }}
{{- end -}}
{{- end -}}
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

{{/* What all Pods have in common: who runs them, and where. */}}
{{- define "loghook.podSettings" -}}
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "loghook.withoutNull" .Values.podSecurityContext | nindent 2 }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What all containers have in common. */}}
{{- define "loghook.container" -}}
image: {{ include "loghook.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- include "loghook.withoutNull" .Values.securityContext | nindent 2 }}
{{- end -}}

{{/* Labels and annotations of the Pods of one component: (list . "component" annotations) */}}
{{- define "loghook.podMetadata" -}}
{{- $root := index . 0 -}}
labels:
  {{- include "loghook.labels" (list $root (index . 1)) | nindent 2 }}
  {{- with $root.Values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- include "loghook.annotations" (list $root (merge (dict) (index . 2) $root.Values.podAnnotations)) }}
{{- end -}}

{{/* Where Pods get sidecars: the conditions on namespaces, and on Pods, that nothing can loosen. */}}
{{- define "loghook.namespaceSelector" -}}
{{- $never := list .Release.Namespace "kube-system" "kube-public" "kube-node-lease" -}}
{{- $never = concat $never .Values.webhook.excludedNamespaces | uniq -}}
matchExpressions:
  - {key: kubernetes.io/metadata.name, operator: NotIn, values: {{ toJson $never }}}
  - {key: loghook.dev/inject, operator: NotIn, values: ["false"]}
  {{- with .Values.webhook.namespaceSelector.matchExpressions }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.webhook.namespaceSelector.matchLabels }}
matchLabels:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "loghook.objectSelector" -}}
matchExpressions:
  - {key: loghook.dev/inject, operator: NotIn, values: ["false"]}
  {{- with .Values.webhook.objectSelector.matchExpressions }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .Values.webhook.objectSelector.matchLabels }}
matchLabels:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* What the schema cannot say, because it takes two values to be wrong. */}}
{{- define "loghook.check" -}}
{{- include "loghook.checkConfig" . -}}
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
{{- if and (eq .mode "provided") (not .provided.caBundle) (not (regexMatch "inject-ca|inject-cabundle" (toJson $.Values.webhook.annotations))) -}}
{{- fail "certificates.provided.caBundle: give the CA of your certificate, or have somebody inject it by webhook.annotations" -}}
{{- end -}}
{{- end -}}
{{- if and .Values.verify.enabled .Values.clientCertificates.configMap (not .Values.verify.namespace) -}}
{{- fail "verify.namespace: with clientCertificates only the API server can ask the webhook; name a namespace, or set verify.enabled to false" -}}
{{- end -}}
{{- if and .Values.verify.namespace (or (eq .Values.verify.namespace .Release.Namespace) (has .Values.verify.namespace (concat (list "kube-system" "kube-public" "kube-node-lease") .Values.webhook.excludedNamespaces))) -}}
{{- fail "verify.namespace: Pods of this namespace get no sidecars; name another" -}}
{{- end -}}
{{- end -}}
