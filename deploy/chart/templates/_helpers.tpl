{{- define "foghorn.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "foghorn.serviceAccountName" -}}
{{- default (include "foghorn.fullname" .) .Values.speaker.serviceAccountName -}}
{{- end -}}

{{/* What Pods are selected by: fixed, the admission Service selects by it too. */}}
{{- define "foghorn.selector" -}}
app.kubernetes.io/name: foghorn
app.kubernetes.io/component: agent
{{- end -}}

{{- define "foghorn.labels" -}}
app.kubernetes.io/name: foghorn
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "foghorn.image" -}}
{{- $image := .Values.speaker.image -}}
{{- if contains "openelb" $image.repository -}}
{{- fail (printf "speaker.image.repository is %q, an image of OpenELB: leave it out, this chart brings its own" $image.repository) -}}
{{- end -}}
{{- $registry := default .Values.global.imageRegistry $image.registry -}}
{{- $tag := default (printf "v%s" .Chart.AppVersion) (default $image.tag .Values.global.tag) -}}
{{- $name := printf "%s/%s" $registry $image.repository | trimPrefix "/" -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $name $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name $tag -}}
{{- end -}}
{{- end -}}

{{/* The container of an agent; takes a dict of the root context, its role and whether it answers. */}}
{{- define "foghorn.container" -}}
{{- $root := .root -}}
{{- $speaker := $root.Values.speaker -}}
name: agent
image: {{ include "foghorn.image" $root }}
{{- if ne $speaker.image.pullPolicy "IfNotPresent" }}
imagePullPolicy: {{ $speaker.image.pullPolicy }}
{{- end }}
args:
  - agent
  - --http-address=:{{ $speaker.monitorPort }}
  - --webhook-port={{ $root.Values.controller.webhookPort }}
  - --installation={{ include "foghorn.fullname" $root }}
  - --log-format=json
  {{- if $speaker.secureMetrics }}
  - --metrics-secure-port={{ $speaker.secureMetricsPort }}
  {{- end }}
  {{- if not .answers }}
  - --role=controller
  {{- end }}
  {{- if $speaker.layer2 }}
  - --enable-layer2=true
  {{- end }}
  {{- if $speaker.vip }}
  - --enable-keepalived-vip=true
  {{- end }}
  {{- range $speaker.extraArgs }}
  - {{ . | quote }}
  {{- end }}
env:
  - name: NODE_NAME
    valueFrom:
      fieldRef:
        fieldPath: spec.nodeName
  - name: POD_NAMESPACE
    valueFrom:
      fieldRef:
        fieldPath: metadata.namespace
  - name: DENO_V8_FLAGS
    value: --max-semi-space-size=1,--optimize-for-size,--max-old-space-size={{ $speaker.oldSpaceMib }}
ports:
  - name: http
    containerPort: {{ $speaker.monitorPort }}
    protocol: TCP
  - name: webhook
    containerPort: {{ $root.Values.controller.webhookPort }}
    protocol: TCP
  {{- if $speaker.secureMetrics }}
  - name: metrics
    containerPort: {{ $speaker.secureMetricsPort }}
    protocol: TCP
  {{- end }}
startupProbe:
  httpGet:
    path: /healthz
    port: http
  timeoutSeconds: 3
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet:
    path: /healthz
    port: http
  timeoutSeconds: 3
  periodSeconds: 10
  failureThreshold: 6
readinessProbe:
  httpGet:
    path: /readyz
    port: http
  timeoutSeconds: 3
  periodSeconds: 5
  failureThreshold: 2
resources:
  {{- toYaml $speaker.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  capabilities:
    drop:
      - ALL
    {{- if .answers }}
    add:
      - NET_RAW
      - NET_BIND_SERVICE
      {{- if $speaker.sysNice }}
      - SYS_NICE
      {{- end }}
    {{- end }}
  readOnlyRootFilesystem: true
  runAsUser: 0
  runAsGroup: 0
  seccompProfile:
    type: RuntimeDefault
{{- end -}}
