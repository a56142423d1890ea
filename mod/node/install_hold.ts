/**
 * Holds the rights of this installation while something would be left behind
 * without them, and notices when it is to be deleted.
 *
 * `kubectl delete -f` deletes everything within a blink, the roles of the agents
 * too; a Service or an Eip with a finalizer that nobody may take off any more
 * would then stay for ever, and the CustomResourceDefinitions with it. So while
 * Services have addresses, the ClusterRoleBinding, its ClusterRole and the
 * ServiceAccount carry a finalizer of ours. When the binding is being deleted
 * the agents take their marks off everything, then this finalizer.
 *
 * The binding is read every few seconds, by the agent that gives addresses out;
 * by the others seldom, in case there is no such agent.
 *
 * @module
 */

import {
  type ClusterRoleBinding,
  projectClusterRoleBinding,
} from "@/api/cluster_role_binding.ts";
import { CLEANUP_FINALIZER } from "@/api/names.ts";
import {
  earliest,
  type PlannedWrite,
  type WriteOutcome,
} from "@/reconcile/mod.ts";
import type { Instant } from "./main_events.ts";

/** What a hold is to know of the agent. */
export interface HoldNeeds {
  /** Whether this agent gives addresses out. */
  readonly leads: boolean;
  /** Whether something would be left behind; undefined: this agent does not know. */
  readonly hasMarks: boolean | undefined;
}

/** Whether an installation goes. */
export type HoldState = "stays" | "goes" | "gone";

/** Holds one installation. */
export class InstallHold {
  /** Name of the ClusterRoleBinding; undefined: this agent was not installed by one. */
  readonly #name: string | undefined;
  #binding: ClusterRoleBinding | undefined;
  #state: HoldState = "stays";
  #leads = false;
  #readDueMs: number | undefined;
  #patchDueMs = 0;
  /** Requests without an answer. */
  readonly #open = new Set<string>();
  /** Whether all three are held; undefined: not known. */
  #isHeld: boolean | undefined;
  #goesSinceMs: number | undefined;

  /** Holds what a ClusterRoleBinding stands for; nothing where there is no name. */
  constructor(name: string | undefined) {
    this.#name = name;
    this.#readDueMs = name === undefined ? undefined : 0;
  }

  /** Whether the installation goes. */
  get state(): HoldState {
    return this.#state;
  }

  /** Whether an agent that ends should wait: for an answer, or until its marks are taken off. */
  get isBusy(): boolean {
    return this.#open.size > 0 || this.#state === "goes" ||
      this.#state === "stays" && this.#binding?.isGoing === true;
  }

  /** When to plan again, or undefined. */
  deadlineMs(): number | undefined {
    if (this.#name === undefined || this.#open.size > 0) return undefined;
    const patchDueMs = this.#patchDueMs === 0 ? undefined : this.#patchDueMs;
    return this.#state === "gone"
      ? undefined
      : earliest([this.#readDueMs, patchDueMs]);
  }

  /** Asks at once: this agent is told to end, which may be why. */
  askSoon(at: Instant): void {
    if (this.#name !== undefined) this.#readDueMs = at.nowMs;
  }

  /**
   * The requests that are due.
   *
   * @param needs What the agent does.
   * @param at The time.
   */
  plan(needs: HoldNeeds, at: Instant): readonly PlannedWrite[] {
    if (this.#name === undefined || this.#state === "gone") return [];
    if (needs.leads && !this.#leads) this.#readDueMs = at.nowMs;
    this.#leads = needs.leads;
    if (this.#open.size > 0) return [];
    if (this.#patchDueMs <= at.nowMs) {
      this.#patchDueMs = 0;
      const isWanted = this.#isWanted(needs);
      if (isWanted !== undefined && isWanted !== this.#isHeld) {
        return this.#send(this.#finalizerPatches(isWanted));
      }
    }
    if ((this.#readDueMs ?? Infinity) > at.nowMs) return [];
    return this.#send([this.#read()]);
  }

  /**
   * Lets the installation go: nothing of ours is left.
   *
   * All three at once: whichever goes first takes the right to the others along,
   * a moment later.
   */
  release(): readonly PlannedWrite[] {
    if (this.#state !== "goes" || this.#open.size > 0) return [];
    this.#state = "gone";
    return this.#send(this.#finalizerPatches(false));
  }

  /** Takes the answer to a request of this. */
  written(write: PlannedWrite, outcome: WriteOutcome, at: Instant): void {
    this.#open.delete(write.id);
    if (write.id === READ_ID) this.#taken(outcome, at);
    else if (outcome.kind === "failed" && outcome.reason !== "not-found") {
      this.#isHeld = undefined;
      this.#patchDueMs = at.nowMs + RETRY_MS;
      // What could not be let go is tried again, until it is gone or the right to it is.
      if (this.#state === "gone" && outcome.reason !== "forbidden") {
        this.#state = "goes";
      }
    }
  }

  #taken(outcome: WriteOutcome, at: Instant): void {
    this.#readDueMs = at.nowMs +
      (this.#leads ? READ_LEADER_MS : READ_OTHERS_MS);
    if (outcome.kind === "failed") {
      if (outcome.reason === "not-found") this.#binding = undefined;
      return;
    }
    const read = projectClusterRoleBinding(outcome.object);
    if (!read.ok) return;
    const binding = this.#binding = read.value;
    const isHeld = binding.finalizers.includes(CLEANUP_FINALIZER);
    if (!isHeld) this.#isHeld = false;
    else if (this.#isHeld === false) this.#isHeld = undefined;
    if (!binding.isGoing || this.#state !== "stays") return;
    if (this.#leads || this.#hasWaited(at)) this.#state = "goes";
    else this.#readDueMs = at.nowMs + READ_LEADER_MS;
  }

  /** Whether the agent that gives addresses out has had its time to tidy up. */
  #hasWaited({ nowMs }: Instant): boolean {
    this.#goesSinceMs ??= nowMs;
    return nowMs - this.#goesSinceMs >= LEADER_FIRST_MS;
  }

  /** Whether the finalizer should be there; undefined: that is not for this agent to say. */
  #isWanted({ leads, hasMarks }: HoldNeeds): boolean | undefined {
    const { isGoing = true } = this.#binding ?? {};
    return leads && !isGoing ? hasMarks : undefined;
  }

  #send(writes: readonly PlannedWrite[]): readonly PlannedWrite[] {
    for (const { id } of writes) this.#open.add(id);
    return writes;
  }

  #read(): PlannedWrite {
    return {
      id: READ_ID,
      method: "GET",
      path: `${RBAC}/clusterrolebindings/${this.#name}`,
      contentType: "application/json",
      body: undefined,
    };
  }

  #finalizerPatches(held: boolean): readonly PlannedWrite[] {
    this.#isHeld = held;
    const { role = "", account } = this.#binding ?? {};
    const key = held ? "finalizers" : "$deleteFromPrimitiveList/finalizers";
    const body = { metadata: { [key]: [CLEANUP_FINALIZER] } };
    const paths = [
      ["account", accountPath(account?.namespace ?? "", account?.name ?? "")],
      ["role", `${RBAC}/clusterroles/${role}`],
      ["binding", `${RBAC}/clusterrolebindings/${this.#name}`],
    ] as const;
    return paths.map(([what, path]) => ({
      id: `install-${what}/hold`,
      method: "PATCH",
      path,
      contentType: "application/strategic-merge-patch+json",
      body,
    }));
  }
}

function accountPath(namespace: string, name: string): string {
  return `/api/v1/namespaces/${namespace}/serviceaccounts/${name}`;
}

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const READ_ID = "install-read/binding";
/** How often the agent that gives addresses out looks whether it is to go. */
const READ_LEADER_MS = 5_000;
/** How often the others look. */
const READ_OTHERS_MS = 20_000;
/** How long the others leave the tidying up to that one. */
const LEADER_FIRST_MS = 5_000;
/** When a request that failed is tried again. */
const RETRY_MS = 5_000;
