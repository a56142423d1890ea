/**
 * A cluster small enough to hold in a test: applies planned writes to raw
 * objects the way an API server does, and feeds them back.
 *
 * @module
 */

import { projectEip, projectNamespace, projectService } from "@/api/mod.ts";
import type { Result } from "@/lang/result.ts";
import { ClusterState } from "./cluster_state.ts";
import { Controller, type Now } from "./controller.ts";
import type { PlannedWrite } from "./planned_write.ts";

/** A JSON object. */
export type Raw = { [key: string]: unknown };

/** A cluster with one controller. */
export class World {
  readonly state: ClusterState = new ClusterState();
  readonly objects: Map<string, Raw> = new Map();
  controller: Controller;
  nowMs: number = 0;
  /** Whether the watch shows what a write did before its answer arrives. */
  watchIsFirst: boolean = false;
  /** Everything written, in order. */
  readonly log: PlannedWrite[] = [];
  #version = 100;
  readonly #claimUnclassed: boolean;

  constructor(options: { claimUnclassed?: boolean } = {}) {
    this.#claimUnclassed = options.claimUnclassed ?? false;
    this.controller = this.#controller();
  }

  #controller(): Controller {
    return new Controller(this.state, {
      claim: {
        loadBalancerClass: "openelb.io/openelb",
        claimUnclassed: this.#claimUnclassed,
      },
      node: "n1",
      seed: 1,
    });
  }

  get now(): Now {
    const iso = new Date(Date.UTC(2026, 0, 1) + this.nowMs).toISOString();
    return { nowMs: this.nowMs, nowIso: iso };
  }

  /** Replaces the controller by one that knows only the tables. */
  restart(): void {
    this.state.takeChanges();
    this.controller = this.#controller();
  }

  eip(name: string, spec: Raw, extra: Raw = {}): void {
    this.put(`eips/${name}`, {
      metadata: this.meta({ name, ...extra }),
      spec: { protocol: "layer2", ...spec },
    });
  }

  service(
    key: string,
    options: { annotations?: Raw; spec?: Raw; status?: Raw; meta?: Raw } = {},
  ): void {
    const [namespace = "", name = ""] = key.split("/");
    if (!this.objects.has(`namespaces/${namespace}`)) {
      this.put(`namespaces/${namespace}`, {
        metadata: this.meta({ name: namespace }),
      });
    }
    this.put(`services/${key}`, {
      metadata: this.meta({
        name,
        namespace,
        annotations: withoutNulls({
          "lb.kubesphere.io/v1alpha1": "openelb",
          ...options.annotations,
        }),
        ...options.meta,
      }),
      spec: {
        type: "LoadBalancer",
        ipFamilies: ["IPv4"],
        ipFamilyPolicy: "SingleStack",
        externalTrafficPolicy: "Cluster",
        selector: { app: name },
        ports: [{ protocol: "TCP", port: 80 }],
        ...options.spec,
      },
      status: options.status ?? { loadBalancer: {} },
    });
  }

  meta(fields: Raw): Raw {
    const name = String(fields["name"]);
    return {
      uid: `uid-${fields["namespace"] ?? ""}-${name}`,
      creationTimestamp: this.now.nowIso,
      labels: {},
      annotations: {},
      finalizers: [],
      ...fields,
    };
  }

  /** Stores an object as new or changed, and tells the controller. */
  put(path: string, object: Raw): void {
    const metadata = { ...object["metadata"] as Raw };
    metadata["resourceVersion"] = String(++this.#version);
    const stored = { ...object, metadata };
    this.objects.set(path, stored);
    this.observe(path);
  }

  edit(path: string, patch: Raw): void {
    const object = this.objects.get(path);
    if (object === undefined) throw new Error(`no ${path}`);
    this.put(path, merge(object, patch) as Raw);
  }

  remove(path: string, vanished = false): void {
    this.objects.delete(path);
    const [kind = "", ...rest] = path.split("/");
    const watched = kind === "services"
      ? "service"
      : kind === "eips"
      ? "eip"
      : "namespace";
    this.state.remove(watched, rest.join("/"), vanished);
  }

  /** Lets the answer to a write say that a Service is at a version. */
  pretend(path: string, resourceVersion: string): void {
    const raw = this.objects.get(path) ?? {};
    const metadata = { ...raw["metadata"] as Raw, resourceVersion };
    this.state.putServiceReply(value(projectService({ ...raw, metadata })));
  }

  observe(path: string, isCertain = false): void {
    const raw = this.objects.get(path);
    if (path.startsWith("services/")) {
      this.state.putService(value(projectService(raw)), isCertain);
    } else if (path.startsWith("eips/")) {
      this.state.putEip(value(projectEip(raw)));
    } else this.state.putNamespace(value(projectNamespace(raw)));
  }

  /** Plans without carrying anything out. */
  plan(): readonly PlannedWrite[] {
    this.controller.note(this.state.takeChanges(), this.now);
    return this.controller.plan(this.now);
  }

  /** Plans and carries out until nothing is left to do now; the writes. */
  settle(): readonly PlannedWrite[] {
    const all: PlannedWrite[] = [];
    for (let round = 0; round < 50; round++) {
      const writes = this.plan();
      if (writes.length === 0) return all;
      for (const write of writes) {
        all.push(write);
        this.log.push(write);
        this.answer(write);
      }
    }
    throw new Error("the plan does not come to rest");
  }

  /** Settles, and lets the pauses between Eip status writes pass. */
  settleAll(): readonly PlannedWrite[] {
    const all = [...this.settle()];
    for (let round = 0; round < 20; round++) {
      const dueMs = this.controller.deadlineMs();
      if (dueMs === undefined || dueMs > this.nowMs + 20_000) break;
      this.nowMs = Math.max(dueMs, this.nowMs);
      all.push(...this.settle());
    }
    return all;
  }

  answer(write: PlannedWrite): void {
    if (write.id.startsWith("event/")) {
      this.controller.written(write, { kind: "written", object: {} }, this.now);
      return;
    }
    const path = write.id.replace(/^service\//, "services/")
      .replace(/^eip(-status)?\//, "eips/");
    const object = this.objects.get(path);
    if (object === undefined) {
      this.controller.written(write, {
        kind: "failed",
        reason: "not-found",
        message: "gone",
      }, this.now);
      return;
    }
    const body = write.body as Raw;
    const wanted = (body["metadata"] as Raw | undefined)?.["resourceVersion"];
    const actual = (object["metadata"] as Raw)["resourceVersion"];
    if (wanted !== undefined && wanted !== actual) {
      this.controller.written(write, {
        kind: "failed",
        reason: "conflict",
        message: "the object has been modified",
      }, this.now);
      return;
    }
    const next = merge(object, body) as Raw;
    const metadata = {
      ...next["metadata"] as Raw,
      resourceVersion: String(++this.#version),
    };
    const stored: Raw = { ...next, metadata };
    const gone = (metadata as Raw)["deletionTimestamp"] !== undefined &&
      ((metadata as Raw)["finalizers"] as unknown[]).length === 0;
    this.objects.set(path, stored);
    const tell = (): void => {
      const outcome = { kind: "written", object: stored } as const;
      this.controller.written(write, outcome, this.now);
    };
    if (!this.watchIsFirst) tell();
    if (gone) this.remove(path);
    else this.observe(path);
    if (this.watchIsFirst) tell();
  }

  /** The addresses a Service shows. */
  addresses(key: string): readonly string[] {
    const service = this.objects.get(`services/${key}`);
    const status = service?.["status"] as Raw | undefined;
    const ingress = (status?.["loadBalancer"] as Raw | undefined)?.["ingress"];
    return Array.isArray(ingress)
      ? ingress.map((one: Raw) => String(one["ip"]))
      : [];
  }

  /** A condition as `status reason`, or "" when it is not there. */
  condition(path: string, type: string): string {
    const status = this.objects.get(path)?.["status"] as Raw | undefined;
    const list = status?.["conditions"] as Raw[] | undefined;
    const found = list?.find((one) => one["type"] === type);
    return found === undefined ? "" : `${found["status"]} ${found["reason"]}`;
  }

  /** The Events written, as `type reason: message`. */
  events(): readonly string[] {
    return this.log.filter(({ id }) => id.startsWith("event/")).map(
      ({ body }) => {
        const event = body as Raw;
        return `${event["type"]} ${event["reason"]}: ${event["message"]}`;
      },
    );
  }

  /** `status.used` of an Eip. */
  used(name: string): Raw {
    const status = this.objects.get(`eips/${name}`)?.["status"] as
      | Raw
      | undefined;
    return (status?.["used"] as Raw | undefined) ?? {};
  }
}

/** RFC 7386. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) {
    return patch;
  }
  const base: Raw = typeof target === "object" && target !== null &&
      !Array.isArray(target)
    ? { ...target as Raw }
    : {};
  for (const [key, item] of Object.entries(patch)) {
    if (item === null) delete base[key];
    else base[key] = merge(base[key], item);
  }
  return base;
}

function withoutNulls(fields: Raw): Raw {
  return Object.fromEntries(
    Object.entries(fields).filter(([, item]) => item !== null),
  );
}

function value<T>(result: Result<T, string>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}
