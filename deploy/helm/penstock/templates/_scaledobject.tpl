{{/*
A pool's ScaledObject. root: the chart's context; pool: its name; worker: its
values; scaling: those of autoscaling with the pool's own over them.
*/}}
{{- define "penstock.scaledobject" }}
{{- $name := printf "%s-worker-%s" (include "penstock.fullname" .root) .pool }}
{{- $queues := list }}
{{- range splitList "," .worker.queues }}{{ $queues = append $queues (first (splitList "=" (trim .))) }}{{ end }}
{{- /* Without a number of its own: as many as 70 % of the pool's slots. */}}
{{- $backlog := .scaling.targetBacklog | default (div (add (mul (int .worker.concurrency) 7) 9) 10) }}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata:
  name: {{ $name }}
  labels:
    {{- include "penstock.labels" .root | nindent 4 }}
spec:
  scaleTargetRef:
    name: {{ $name }}
  minReplicaCount: {{ .scaling.min }}
  maxReplicaCount: {{ .scaling.max }}
  cooldownPeriod: 300
  advanced:
    horizontalPodAutoscalerConfig:
      behavior:
        scaleDown: {stabilizationWindowSeconds: 300}
  triggers:
  {{- if eq .scaling.trigger "api" }}
    {{- range $queues }}
    - type: metrics-api
      metadata:
        url: http://{{ include "penstock.fullname" $.root }}-api.{{ $.root.Release.Namespace }}:{{ $.root.Values.api.service.port }}/v1/queues/{{ . }}
        valueLocation: backlog
        targetValue: {{ $backlog | quote }}
        authMode: basic
      authenticationRef: {name: {{ $name }}}
    {{- end }}
---
apiVersion: keda.sh/v1alpha1
kind: TriggerAuthentication
metadata:
  name: {{ $name }}
  labels:
    {{- include "penstock.labels" .root | nindent 4 }}
spec:
  secretTargetRef:
    {{- $secret := required "autoscaling.secret: a Secret with username and password for the trigger \"api\"" .scaling.secret }}
    - {parameter: username, name: {{ $secret }}, key: username}
    - {parameter: password, name: {{ $secret }}, key: password}
  {{- else }}
    - type: prometheus
      metadata:
        serverAddress: {{ required "autoscaling.prometheus: the address of Prometheus" .scaling.prometheus }}
        # Every process tells the same of a queue: the greatest, not the sum.
        query: sum(max by (queue, state) (penstock_queue_tasks{queue=~"{{ join "|" $queues }}",state=~"pending|active"}))
        threshold: {{ $backlog | quote }}
    - type: prometheus
      metricType: Value
      metadata:
        serverAddress: {{ .scaling.prometheus }}
        query: max(penstock_queue_oldest_seconds{queue=~"{{ join "|" $queues }}"})
        threshold: {{ .scaling.targetOldestSeconds | quote }}
  {{- end }}
{{- end }}
