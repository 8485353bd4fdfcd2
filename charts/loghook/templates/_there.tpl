{{/*
Helm takes the default of a value away where that is null, as a section is whose lines are all comments. Templates would
fail at it by a file and a line of theirs, so the one that is executed first says which value it is.
*/}}
{{- define "loghook.areThere" -}}
{{- range $place := list "image" "webhook" "workloads" "workloads.enabled" "guard" "certificates" "certificates.mode" "clientCertificates" "autoscaling" "autoscaling.enabled" "podDisruptionBudget" "priorityClassName" "hostNetwork" "serviceAccount" "service" "metrics" "metrics.serviceMonitor" "metrics.podMonitor" "metrics.prometheusRule" "metrics.dashboard" "networkPolicy" "verify" -}}
{{- include "loghook.isThere" (list $.Values $place) -}}
{{- end -}}
{{- $mode := printf "certificates.%s" .Values.certificates.mode -}}
{{- include "loghook.isThere" (list .Values $mode) -}}
{{- range $name := get (dict "certificates.selfManaged" (list "policy") "certificates.certManager" (list "cleanupJob")) $mode | default list -}}
{{- include "loghook.isThere" (list $.Values (printf "%s.%s" $mode $name)) -}}
{{- end -}}
{{- end -}}

{{/* Nothing where there is a value at a place of the values: (list VALUES PLACE). */}}
{{- define "loghook.isThere" -}}
{{- $place := index . 1 -}}
{{- $there := index . 0 -}}
{{- range splitList "." $place -}}
{{- $there = index $there . -}}
{{- end -}}
{{- if kindIs "invalid" $there -}}
{{- fail (printf "%s: has no value: leave the key out, or put something below it" $place) -}}
{{- end -}}
{{- end -}}
