/**
 * The systemd unit for a node whose agent is no Pod: what the DaemonSet allows
 * and asks for, in systemd's words, and a user of its own instead of root.
 *
 * @module
 */

import { ENVIRONMENT } from "@/api/names.ts";
import {
  AGENT_V8_FLAGS,
  CAPABILITIES,
  GRACE_SECONDS,
  MEMORY,
} from "@/manifests/mod.ts";

/** The unit. */
export function systemdUnit(): string {
  const capabilities = CAPABILITIES.map((name) => `CAP_${name}`).join(" ");
  return `# For a host where the archive is unpacked to /opt/foghorn and a kubeconfig is
# in /etc/foghorn/kubeconfig; docs/install.md says how. /etc/foghorn/environment
# may set:
#   NODE_NAME            the name of this Node, where it is not the host's
#   FOGHORN_FLAGS        further flags of the agent
#   FOGHORN_DENO_FLAGS   further flags of Deno, such as --allow-write=/var/tmp
[Unit]
Description=Foghorn, a load balancer for Kubernetes on bare metal
Documentation=https://github.com/foghorn-lb/foghorn
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
Environment=${ENVIRONMENT.nodeName}=%H
Environment=DENO_V8_FLAGS=${AGENT_V8_FLAGS.join(",")}
EnvironmentFile=-/etc/foghorn/environment
# Read by root, for a user that cannot read the file itself.
LoadCredential=kubeconfig:/etc/foghorn/kubeconfig
ExecStart=/opt/foghorn/foghorn agent --kubeconfig=\${CREDENTIALS_DIRECTORY}/kubeconfig --log-format=json $FOGHORN_FLAGS
Restart=always
RestartSec=1
# The agent hands its addresses over before it ends.
TimeoutStopSec=${GRACE_SECONDS + 5}
MemoryMax=${MEMORY.limitMib}M
OOMScoreAdjust=-997

DynamicUser=yes
CapabilityBoundingSet=${capabilities}
AmbientCapabilities=${capabilities}
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`;
}
