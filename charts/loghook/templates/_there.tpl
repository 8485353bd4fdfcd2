{{/*
Helm takes the default of a value away where that is null, as a section is whose lines are all comments, and a key behind
whose colon nothing stands. Templates would fail at it by a file and a line of theirs, or write nothing where something
must stand: then the API server has a default of its own, `Fail` for a failurePolicy, or a program does not start. So the
one that is executed first says which value it is. What may be empty is not listed: a switch is off then, and replicas
are somebody else's to count.
*/}}
{{- define "loghook.areThere" -}}
{{- include "loghook.allThere" (list .Values `
  image image.repository
  webhook webhook.failurePolicy webhook.timeoutSeconds webhook.port
  workloads workloads.enabled workloads.action
  guard certificates certificates.mode clientCertificates
  autoscaling autoscaling.enabled podDisruptionBudget priorityClassName hostNetwork serviceAccount service
  drainSeconds terminationGracePeriodSeconds logLevel
  metrics metrics.port metrics.certsPort
  metrics.serviceMonitor metrics.podMonitor metrics.prometheusRule metrics.dashboard
  networkPolicy verify`) -}}
{{- $certificates := printf "certificates.%s" .Values.certificates.mode -}}
{{- include "loghook.allThere" (list .Values $certificates) -}}
{{- include "loghook.allThere" (list .Values (get (dict "selfManaged" `
  certificates.selfManaged.caDays certificates.selfManaged.leafDays
  certificates.selfManaged.settleSeconds certificates.selfManaged.overlapSeconds
  certificates.selfManaged.replicaCount
  certificates.selfManaged.policy certificates.selfManaged.policy.enabled
  certificates.selfManaged.serviceAccount certificates.selfManaged.serviceAccount.create
  ` "certManager" `
  certificates.certManager.caDuration certificates.certManager.duration certificates.certManager.renewBefore
  certificates.certManager.cleanupJob certificates.certManager.cleanupJob.backoffLimit`) .Values.certificates.mode)) -}}
{{- if .Values.guard.enabled -}}
{{- include "loghook.allThere" (list .Values "guard.actions") -}}
{{- end -}}
{{- if .Values.autoscaling.enabled -}}
{{- include "loghook.allThere" (list .Values "autoscaling.minReplicas autoscaling.maxReplicas") -}}
{{- if not .Values.autoscaling.metrics -}}
{{- include "loghook.allThere" (list .Values "autoscaling.targetCPUUtilizationPercentage") -}}
{{- end -}}
{{- end -}}
{{- if and .Values.podDisruptionBudget.enabled (not .Values.podDisruptionBudget.minAvailable) -}}
{{- include "loghook.allThere" (list .Values "podDisruptionBudget.maxUnavailable") -}}
{{- end -}}
{{- if .Values.verify.enabled -}}
{{- include "loghook.allThere" (list .Values "verify.timeoutSeconds verify.backoffLimit") -}}
{{- end -}}
{{- end -}}

{{/* Nothing where there is a value at each of these places of the values: (list VALUES "PLACE PLACE…"), sections first. */}}
{{- define "loghook.allThere" -}}
{{- $values := index . 0 -}}
{{- range $place := regexSplit "\\s+" (trim (index . 1)) -1 | compact -}}
{{- $there := $values -}}
{{- range splitList "." $place -}}
{{- $there = index $there . -}}
{{- end -}}
{{- if kindIs "invalid" $there -}}
{{- fail (printf "%s: has no value: leave the key out, or give it one" $place) -}}
{{- end -}}
{{- end -}}
{{- end -}}
