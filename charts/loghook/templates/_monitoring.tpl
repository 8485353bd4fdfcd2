{{/* What a monitor looks at: (list . monitor "component of the injector"). Elsewhere it has to be told the namespace. */}}
{{- define "loghook.monitored" -}}
{{- $root := index . 0 -}}
selector:
  matchLabels:
    app.kubernetes.io/name: {{ include "loghook.name" $root | quote }}
    app.kubernetes.io/instance: {{ $root.Release.Name | quote }}
  matchExpressions:
    - {key: app.kubernetes.io/component, operator: In, values: [{{ index . 2 }}, certs]}
{{- with (index . 1).namespace }}
namespaceSelector:
  matchNames: [{{ include "loghook.namespace" $root }}]
{{- end }}
{{- end -}}

{{/* How a monitor scrapes. */}}
{{- define "loghook.endpoint" -}}
- port: metrics
  interval: {{ .interval }}
  {{- with .scrapeTimeout }}
  scrapeTimeout: {{ . }}
  {{- end }}
  {{- with .relabelings }}
  relabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .metricRelabelings }}
  metricRelabelings:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
