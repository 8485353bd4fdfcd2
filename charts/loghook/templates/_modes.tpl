{{/* The CA of `provided`, as the API has it: base64 of PEM. */}}
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
{{- $live := lookup "admissionregistration.k8s.io/v1" "MutatingWebhookConfiguration" "" (include "loghook.fullname" .) | default dict -}}
{{- $wanted := include "loghook.providedBundle" . -}}
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
{{- include "loghook.failForOwner" (list . $live (last $owners)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Say what gives the caBundle free: (list . configuration {manager, path}) */}}
{{- define "loghook.failForOwner" -}}
{{- $owner := index . 2 -}}
{{- $patch := list (dict "op" "test" "path" (printf "%s/manager" $owner.path) "value" $owner.manager) (dict "op" "remove" "path" $owner.path) -}}
{{- range $key, $_ := (index . 1).metadata.annotations -}}
{{- if regexMatch "inject-(ca|apiserver-ca|cabundle)" $key -}}
{{- $patch = append $patch (dict "op" "remove" "path" (printf "/metadata/annotations/%s" ($key | replace "~" "~0" | replace "/" "~1"))) -}}
{{- end -}}
{{- end -}}
{{- $command := printf "kubectl patch mutatingwebhookconfiguration %s --type=json -p '%s'" (include "loghook.fullname" (index . 0)) (toJson $patch) -}}
{{- fail (printf "certificates.provided.caBundle: the caBundle belongs to %s, and Helm 4 takes no field from others. Nothing has been changed. First\n\n  %s\n\nand then this again. (docs/upgrading.md, \"Change the mode\")" $owner.manager $command) -}}
{{- end -}}
