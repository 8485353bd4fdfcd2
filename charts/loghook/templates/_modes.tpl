{{/* The metadata of a registration: by an annotation whoever writes its caBundle knows it, or leaves it alone. */}}
{{- define "loghook.registration" -}}
{{- $annotations := dict -}}
{{- if eq .Values.certificates.mode "certManager" -}}
{{- $annotations = dict "cert-manager.io/inject-ca-from" (printf "%s/%s" (include "loghook.namespace" .) (include "loghook.fullname" .)) -}}
{{- else if and (eq .Values.certificates.mode "provided") .Values.certificates.provided.caBundle -}}
{{- $annotations = dict "loghook.dev/ca-bundle" "provided" -}}
{{- end -}}
{{- include "loghook.metadata" (list . "webhook" (include "loghook.fullname" .) (merge (dict) $annotations (.Values.webhook.annotations | default dict)) "") -}}
{{- end -}}

{{/* Where the API server calls us, and by whom we are vouched for: (list . "/path") */}}
{{- define "loghook.clientConfig" -}}
{{- $root := index . 0 -}}
service:
  name: {{ include "loghook.fullname" $root }}
  namespace: {{ include "loghook.namespace" $root }}
  path: {{ index . 1 }}
  port: 443
{{- with $root.Values.certificates }}
{{- if and (eq .mode "provided") .provided.caBundle }}
caBundle: {{ include "loghook.providedBundle" $root }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The kinds of our registrations, in the API's words. */}}
{{- define "loghook.registrations" -}}
{{ toYaml (ternary (list "MutatingWebhookConfiguration" "ValidatingWebhookConfiguration") (list "MutatingWebhookConfiguration") .Values.workloads.enabled) }}
{{- end -}}

{{/*
The CA of `provided`, as the API has it: base64 of PEM. In the other modes the caBundle is not ours to write: what is not
said, Helm leaves as it is.
*/}}
{{- define "loghook.providedBundle" -}}
{{- $bundle := .Values.certificates.provided.caBundle -}}
{{ hasPrefix "-----BEGIN" (trim $bundle) | ternary (b64enc $bundle) $bundle }}
{{- end -}}

{{/*
Helm 4 applies on the server's side, where nobody changes a field that another owns. cert-manager's CA injector owns the
caBundle that it has written, so going from it to a CA of one's own fails, with the Deployment changed already and the
caBundle not. So it is asked here, before anything is changed: who owns it, if it is to be changed, in a release that is
applied that way. Whoever owns what Helm writes in a webhook is Helm, whatever it calls itself.
*/}}
{{- define "loghook.checkOwner" -}}
{{- if and (eq .Values.certificates.mode "provided") .Values.certificates.provided.caBundle (not (hasPrefix "v3." .Capabilities.HelmVersion.Version)) -}}
{{- $root := . -}}
{{- $owner := "" -}}
{{- $commands := list -}}
{{- range include "loghook.registrations" . | fromYamlArray -}}
{{- $live := lookup "admissionregistration.k8s.io/v1" . "" (include "loghook.fullname" $root) | default dict -}}
{{- with include "loghook.foreignOwner" (list $live (include "loghook.providedBundle" $root)) | fromYaml -}}
{{- $owner = .manager -}}
{{- $commands = append $commands (include "loghook.commandToDisown" (list $live .)) -}}
{{- end -}}
{{- end -}}
{{- if $commands -}}
{{- fail (printf "certificates.provided.caBundle: the caBundle belongs to %s, and Helm 4 takes no field from others. Nothing has been changed. First\n\n  %s\n\nand then this again. (docs/upgrading.md, \"Change the mode\")" $owner (join "\n  " $commands)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Who owns the caBundle of a live registration that Helm is to change to `wanted`: (list live wanted) */}}
{{- define "loghook.foreignOwner" -}}
{{- $live := index . 0 -}}
{{- $wanted := index . 1 -}}
{{- $changes := false -}}
{{- range $live.webhooks -}}
{{- $changes = or $changes (ne (.clientConfig.caBundle | default "") $wanted) -}}
{{- end -}}
{{- $applied := false -}}
{{- $owners := list -}}
{{- range $index, $entry := ($live.metadata | default dict).managedFields -}}
{{- $owns := dict -}}
{{- range $key, $webhook := get ($entry.fieldsV1 | default dict) "f:webhooks" | default dict -}}
{{- if hasKey (get $webhook "f:clientConfig" | default dict) "f:caBundle" -}}{{- $_ := set $owns "bundle" true -}}{{- end -}}
{{- if hasKey $webhook "f:admissionReviewVersions" -}}{{- $_ := set $owns "webhook" true -}}{{- end -}}
{{- end -}}
{{- $applied = or $applied (and $owns.webhook (eq $entry.operation "Apply")) -}}
{{- if and $owns.bundle (not $owns.webhook) -}}
{{- $owners = append $owners (dict "manager" $entry.manager "path" (printf "/metadata/managedFields/%d" $index)) -}}
{{- end -}}
{{- end -}}
{{- if and $changes $applied $owners -}}
{{ toYaml (last $owners) }}
{{- end -}}
{{- end -}}

{{/* What gives the caBundle free: (list live {manager, path}) */}}
{{- define "loghook.commandToDisown" -}}
{{- $live := index . 0 -}}
{{- $owner := index . 1 -}}
{{- $patch := list (dict "op" "test" "path" (printf "%s/manager" $owner.path) "value" $owner.manager) (dict "op" "remove" "path" $owner.path) -}}
{{- range $key, $_ := $live.metadata.annotations -}}
{{- if regexMatch "inject-(ca|apiserver-ca|cabundle)" $key -}}
{{- $patch = append $patch (dict "op" "remove" "path" (printf "/metadata/annotations/%s" ($key | replace "~" "~0" | replace "/" "~1"))) -}}
{{- end -}}
{{- end -}}
{{ printf "kubectl patch %s %s --type=json -p '%s'" (lower $live.kind) $live.metadata.name (toJson $patch) }}
{{- end -}}
