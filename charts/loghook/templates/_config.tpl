{{/*
What the schema cannot say of `config`, because it takes two settings to be wrong: nothing that is refused here would be
loaded by the injector. What is known of the models is in files/config.json, which `make docs` writes.
*/}}
{{- define "loghook.checkConfig" -}}
{{- $facts := .Files.Get "files/config.json" | fromJson -}}
{{- $config := .Values.config | default dict -}}
{{- $namespaces := $config.namespaces | default dict -}}
{{- range $name, $format := $config.formats -}}
{{- include "loghook.checkFormat" (list $facts $name $format) -}}
{{- end -}}
{{- range $name, $destination := $config.destinations -}}
{{- include "loghook.checkLogins" (list $facts $name $destination) -}}
{{- include "loghook.checkHeaders" (list $facts $name $destination) -}}
{{- end -}}
{{- range $engine, $resources := $config.resources -}}
{{- include "loghook.checkResources" (list $facts $engine $resources) -}}
{{- end -}}
{{- include "loghook.checkDefaults" (list $facts $config "defaults" $config.defaults "") -}}
{{- range $name, $namespace := $namespaces -}}
{{- include "loghook.checkDefaults" (list $facts $config (printf "namespaces.%s.defaults" $name) $namespace.defaults $name) -}}
{{- end -}}
{{- end -}}

{{/* A format of the administrator's: (list facts name format) */}}
{{- define "loghook.checkFormat" -}}
{{- $name := index . 1 -}}
{{- $format := index . 2 -}}
{{- $place := printf "config.formats.%s" $name -}}
{{- if has $name (index . 0).formats -}}
{{- fail (printf "%s: this is a built-in format, give yours another name" $place) -}}
{{- end -}}
{{- $ways := without (list (get $format "regex") (get $format "columns") (get $format "like")) "" nil -}}
{{- if ne (len $ways) 1 -}}
{{- fail (printf "%s: give exactly one of regex, columns and like" $place) -}}
{{- end -}}
{{- include "loghook.checkExpression" (list (printf "%s.regex" $place) $format.regex) -}}
{{- include "loghook.checkExpression" (list (printf "%s.multilineStart" $place) $format.multilineStart) -}}
{{- if not $format.like -}}
{{- $fields := $format.columns | default list -}}
{{- range regexFindAll "\\(\\?P<[^>]+>" ($format.regex | default "") -1 -}}
{{- $fields = append $fields (. | trimPrefix "(?P<" | trimSuffix ">") -}}
{{- end -}}
{{- if not $fields -}}
{{- fail (printf "%s: name the fields with groups, e.g. (?P<message>.*)" $place) -}}
{{- end -}}
{{- range concat (list $format.timeKey | compact) (keys ($format.types | default dict) | sortAlpha) -}}
{{- if not (has . $fields) -}}
{{- fail (printf "%s: there is no field %s; there are %s" $place . (join ", " (sortAlpha $fields))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
A regular expression: (list place expression). It is one of Python's. What Go's notation has no word for is left to the
injector, and the rest is compiled here, so that what is refused is wrong in both.
*/}}
{{- define "loghook.checkExpression" -}}
{{- $text := index . 1 | default "" | toString -}}
{{- if regexMatch "\\(\\?<[^=!]" $text -}}
{{- fail (printf "%s: not a regular expression; write groups as (?P<name>…)" (index . 0)) -}}
{{- end -}}
{{- if not (regexMatch "[^ -~]|\\(\\?([^:P]|P[^<])|\\\\[^ -/:-@\\[-`{-~AbBdDsSwWnrtf]|[*+?}]\\+|\\[:|\\{[0-9]*,?[0-9]{3}" $text) -}}
{{- $_ := mustRegexMatch $text "" -}}
{{- end -}}
{{- end -}}

{{/* How a client logs in: (list facts name destination) */}}
{{- define "loghook.checkLogins" -}}
{{- $destination := index . 2 -}}
{{- $logins := get (index . 0).logins (toString $destination.type) | default list -}}
{{- $given := list -}}
{{- range $logins -}}
{{- if get $destination . -}}{{- $given = append $given . -}}{{- end -}}
{{- end -}}
{{- range $destination.headers -}}
{{- if and $given (eq (lower (toString .name)) "authorization") -}}
{{- fail (printf "config.destinations.%s: give either %s or the header Authorization" (index $ 1) (first $given)) -}}
{{- end -}}
{{- end -}}
{{- if gt (len $given) 1 -}}
{{- fail (printf "config.destinations.%s: give either %s" (index . 1) (join " or " $logins)) -}}
{{- end -}}
{{- end -}}

{{/* Each header stands there once, and what an option says is said by it: (list facts name destination) */}}
{{- define "loghook.checkHeaders" -}}
{{- $own := get (index . 0).ownHeaders (toString (index . 2).type) | default dict -}}
{{- $seen := list -}}
{{- range (index . 2).headers -}}
{{- $header := lower (toString .name) -}}
{{- if has $header $seen -}}
{{- fail (printf "config.destinations.%s: write the header %s once" (index $ 1) .name) -}}
{{- end -}}
{{- if hasKey $own $header -}}
{{- fail (printf "config.destinations.%s: write %s in place of the header %s" (index $ 1) (get $own $header) $header) -}}
{{- end -}}
{{- $seen = append $seen $header -}}
{{- end -}}
{{- end -}}

{{/* Limits cover requests: (list facts engine resources) */}}
{{- define "loghook.checkResources" -}}
{{- $engine := index . 1 -}}
{{- $said := index . 2 | default dict -}}
{{- $all := merge (dict) $said (get (index . 0).resources $engine | default dict) -}}
{{- range $name := list "cpu" "memory" -}}
{{- $request := get $all (printf "%sRequest" $name) -}}
{{- $limit := get $all (printf "%sLimit" $name) -}}
{{- if ne (toString $limit) "none" -}}
{{- if lt (include "loghook.quantity" $limit | float64) (include "loghook.quantity" $request | float64) -}}
{{- fail (printf "config.resources.%s: the %s limit %v is below the request %v" $engine $name $limit $request) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* A Kubernetes quantity in its base unit. */}}
{{- define "loghook.quantity" -}}
{{- $text := toString . -}}
{{- $number := regexFind "^[+-]?[0-9.]+([eE][+-]?[0-9]+)?" $text -}}
{{- $factors := dict "n" 1e-9 "u" 1e-6 "m" 1e-3 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "Pi" 1125899906842624 "Ei" 1152921504606846976 -}}
{{- mulf (float64 $number) (get $factors (trimPrefix $number $text) | default 1) -}}
{{- end -}}

{{/* Annotations' values where a Pod says nothing: (list facts config place defaults namespace) */}}
{{- define "loghook.checkDefaults" -}}
{{- $facts := index . 0 -}}
{{- $config := index . 1 -}}
{{- $place := printf "config.%s" (index . 2) -}}
{{- $defaults := index . 3 | default dict -}}
{{- $namespace := index . 4 -}}
{{- with get $defaults "destination" -}}
{{- $there := list -}}
{{- range $name, $destination := $config.destinations -}}
{{- $globs := $destination.namespaces | default list -}}
{{- $open := or (not $namespace) (not $globs) -}}
{{- range $globs -}}
{{- $open = or $open (regexMatch (printf "^%s$" (. | replace "*" ".*" | replace "?" ".")) $namespace) -}}
{{- end -}}
{{- if $open -}}{{- $there = append $there $name -}}{{- end -}}
{{- end -}}
{{- if not (has (toString .) $there) -}}
{{- fail (printf "%s.destination: no such destination: %v; there are %s" $place . (join ", " $there | default "none")) -}}
{{- end -}}
{{- end -}}
{{- with get $defaults "format" -}}
{{- $formats := concat $facts.formats (keys ($config.formats | default dict) | sortAlpha) -}}
{{- if not (has (toString .) $formats) -}}
{{- fail (printf "%s.format: no such format: %v; there are %s" $place . (join ", " $formats)) -}}
{{- end -}}
{{- end -}}
{{- range $facts.sizes -}}
{{- $size := get $defaults . | toString -}}
{{- if and $size (ne $size "none") (lt (include "loghook.quantity" $size | float64) 1048576.0) -}}
{{- fail (printf "%s.%s: %s is less than a mebibyte; write e.g. 64Mi" $place . $size) -}}
{{- end -}}
{{- end -}}
{{- include "loghook.checkExpression" (list (printf "%s.multiline-start" $place) (get $defaults "multiline-start")) -}}
{{- end -}}
