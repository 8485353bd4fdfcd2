{{/*
Where each kind that brings Pods has its template, but for those that have it under `spec.template`: "group/resource" to
the way. Kubernetes' own kinds are those of webhook/pod/workloads.py.
*/}}
{{- define "loghook.places" -}}
{{- $places := dict "batch/cronjobs" "spec.jobTemplate.spec.template" "/podtemplates" "template" -}}
{{- range .Values.workloads.kinds -}}
{{- $place := .template | default "spec.template" -}}
{{- if ne $place "spec.template" -}}
{{- $_ := set $places (printf "%s/%s" .group .resource) $place -}}
{{- end -}}
{{- end -}}
{{ toYaml $places }}
{{- end -}}

{{/*
CEL for something that each kind has in a place of its own: (list . "name of a template" "object"). That template makes
the expression from (list "object" "way").
*/}}
{{- define "loghook.celByKind" -}}
{{- $of := index . 1 -}}
{{- $object := index . 2 -}}
(
{{- range $kind, $way := include "loghook.places" (index . 0) | fromYaml -}}
request.resource.group + '/' + request.resource.resource == '{{ $kind }}' ? {{ include $of (list $object $way) }} : {{ "" -}}
{{- end -}}
{{ include $of (list $object "spec.template") }})
{{- end -}}

{{/* CEL for the optional value at a way: (list "object" "spec.template") */}}
{{- define "loghook.celAt" -}}
{{ index . 0 }}{{- range splitList "." (index . 1) -}}[?'{{ . }}']{{- end -}}
{{- end -}}

{{/* CEL for all optional values on a way, which may have metadata: (list "object" "spec.template") */}}
{{- define "loghook.celOnTheWay" -}}
{{- $steps := splitList "." (index . 1) -}}
[
{{- range $index, $_ := $steps -}}
{{- if $index -}}, {{ end -}}
{{ include "loghook.celAt" (list (index $ 0) (slice $steps 0 (add1 $index) | join ".")) }}
{{- end -}}
]
{{- end -}}

{{/* CEL for the part of an object in which all that is about its Pods stands: (list "object" "way") */}}
{{- define "loghook.celAboutPods" -}}
{{ include "loghook.celAt" (list (index . 0) (slice (splitList "." (index . 1)) 0 (min 2 (splitList "." (index . 1) | len) | int) | join ".")) }}
{{- end -}}

{{/* CEL that is true where an annotation of ours in `new` is another in `old`: (list "new" "old"), optional maps both */}}
{{- define "loghook.celDiffers" -}}
{{ index . 0 }}.orValue({}).exists(k, k.startsWith('loghook.dev/') && {{ index . 0 }}[?k] != {{ index . 1 }}[?k])
{{- end -}}

{{/* CEL that is true where a selector selects the map `l` of labels: selector */}}
{{- define "loghook.celSelects" -}}
{{- $terms := list -}}
{{- range $key, $value := .matchLabels -}}
{{- $terms = append $terms (printf "%s in l && l[%s] == %s" (squote $key) (squote $key) (squote $value)) -}}
{{- end -}}
{{- range .matchExpressions -}}
{{- $is := printf "%s in l" (squote .key) -}}
{{- $values := list -}}
{{- range .values -}}{{- $values = append $values (squote .) -}}{{- end -}}
{{- $fits := printf "%s && l[%s] in [%s]" $is (squote .key) (join ", " $values) -}}
{{- $terms = append $terms (get (dict "In" $fits "NotIn" (printf "!(%s)" $fits) "Exists" $is "DoesNotExist" (printf "!(%s)" $is)) .operator) -}}
{{- end -}}
{{ join " && " $terms }}
{{- end -}}
