{{- define "penstock.labels" -}}
app.kubernetes.io/name: penstock
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "penstock.selector" -}}
app.kubernetes.io/name: penstock
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "penstock.fullname" -}}
{{- if contains "penstock" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-penstock{{ end }}
{{- end }}

{{/*
Variables of one process: the metrics listener, what follows from the Ingress,
those of all, those of its kind. root: the chart's context; own: the kind's;
api: whether it is a front door. Helm reads numbers as float64, which as text
are 2.097152e+06: toJson writes the digits.
*/}}
{{- define "penstock.env" -}}
- name: PENSTOCK_METRICS_LISTEN
  value: ":9090"
{{- $env := dict }}
{{- with .root.Values.api.ingress }}{{ if .enabled }}
{{- $_ := set $env "PENSTOCK_ISSUER" (printf "%s://%s" (ternary "https" "http" (or .tls (ne .tlsSecret ""))) .host) }}
{{- if $.api }}{{ $_ := set $env "PENSTOCK_TRUSTED_PROXIES" (join "," .trustedProxies) }}{{ end }}
{{- end }}{{ end }}
{{- range $name, $value := mergeOverwrite $env (.root.Values.env | default dict) (.own | default dict) }}
- name: {{ $name }}
  value: {{ ternary (toJson $value) (toString $value) (kindIs "float64" $value) | quote }}
{{- end }}
{{- end }}

{{/* What every container may: nothing. */}}
{{- define "penstock.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 65532
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "penstock.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* Pods of one Deployment spread over nodes and zones. root; labels: what selects them. */}}
{{- define "penstock.spread" -}}
{{- range .root.Values.spreadOver }}
- maxSkew: 1
  topologyKey: {{ . }}
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- $.labels | nindent 6 }}
{{- end }}
{{- end }}

{{/* Labels that select a pool's pods. root; pool: its name. */}}
{{- define "penstock.pool" -}}
{{ include "penstock.selector" .root }}
app.kubernetes.io/component: worker
penstock/pool: {{ .pool }}
{{- end }}

{{/* Labels that select the front doors' pods. */}}
{{- define "penstock.api" -}}
{{ include "penstock.selector" . }}
app.kubernetes.io/component: api
{{- end }}
