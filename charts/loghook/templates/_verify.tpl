{{/* The Pod that proves the webhook from outside, as `spec`. */}}
{{- define "loghook.verifySpec" -}}
serviceAccountName: {{ include "loghook.fullname" . }}-verify
automountServiceAccountToken: true
{{- include "loghook.podSettings" (list . dict) | nindent 0 }}
restartPolicy: Never
activeDeadlineSeconds: {{ add (int .Values.verify.timeoutSeconds) 60 }}
containers:
  - name: verify
    {{- include "loghook.container" . | nindent 4 }}
    args:
      - webhook
      - verify
      - --webhook-configuration={{ include "loghook.fullname" . }}
      {{- if .Values.workloads.enabled }}
      - --validating-webhook-configuration={{ include "loghook.fullname" . }}
      {{- end }}
      - --timeout-seconds={{ .Values.verify.timeoutSeconds }}
      {{- if .Values.clientCertificates.configMap }}
      - --indirect
      {{- end }}
      {{- with .Values.verify.namespace }}
      - --namespace={{ . }}
      {{- end }}
    {{- with .Values.verify.resources }}
    resources:
      {{- toYaml . | nindent 6 }}
    {{- end }}
{{- end -}}
