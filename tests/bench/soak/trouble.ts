/**
 * What goes wrong while the soak runs, drawn from a seed: at most two nodes are
 * in trouble at once, and the API server is away for a while at most.
 *
 * @module
 */

import { EXCLUDE_NODE_LABEL } from "@/api/names.ts";
import type { JsonObject } from "@/lab/apiserver/json.ts";
import { setPortForwarding } from "@/lab/network.ts";
import type { Random } from "@/lang/random.ts";
import { freeze, thaw } from "../../kubernetes/faults.ts";
import type { KubernetesLab } from "../../kubernetes/lab.ts";
import type { KubeNode } from "../../kubernetes/node.ts";
import { eipPath, servicePath } from "../../kubernetes/objects.ts";
import type { SilentSpan } from "./explained.ts";

/** Something that is done. */
export interface Deed {
  /** What, a phrase. */
  readonly name: string;
  /** Does it. */
  readonly run: () => Promise<void>;
}

/** A way a node may be in trouble. */
interface Trouble {
  readonly name: string;
  /** Whether it takes the API server to begin and to end it. */
  readonly byApi?: boolean;
  /** Whether the agent's process ends. */
  readonly kills?: boolean;
  /** Whether the agent cannot hear the API server meanwhile. */
  readonly silences?: boolean;
  readonly begins: (node: KubeNode) => Promise<void>;
  readonly mends: (node: KubeNode) => Promise<void>;
}

type Patch = (node: KubeNode, patch: JsonObject) => Promise<void>;

/** What the trouble is about. */
export interface SoakScene {
  /** The lab. */
  readonly lab: KubernetesLab;
  /** The node whose agent is never killed: what it has gathered is looked at afterwards. */
  readonly kept: KubeNode;
  /** Name of the pool. */
  readonly pool: string;
  /** Label value of the Pods behind all Services. */
  readonly app: string;
}

/** Draws what is done next. */
export class Troubles {
  readonly #scene: SoakScene;
  readonly #random: Random;
  readonly #troubles: readonly Trouble[];
  readonly #troubled = new Map<KubeNode, Trouble>();
  readonly #services = new Set<string>();
  readonly #silent: { node?: string; fromMs: number; toMs?: number }[] = [];
  /** When Services were deleted. */
  readonly deletedMs: number[] = [];
  #apiAwayDeeds: number | undefined;
  #grown = false;
  #created = 0;

  /**
   * @param scene What it is about.
   * @param random Draws.
   */
  constructor(scene: SoakScene, random: Random) {
    this.#scene = scene;
    this.#random = random;
    this.#troubles = troublesOf(async (node, patch) => {
      await scene.lab.objects.patch(`/api/v1/nodes/${node.name}`, patch);
    });
  }

  /** When agents could not hear the API server. */
  get silent(): readonly SilentSpan[] {
    return this.#silent.map(({ node, fromMs, toMs }) => ({
      node,
      fromMs,
      toMs,
    }));
  }

  /** Draws something that can be done now. */
  next(): Deed {
    if (this.#apiAwayDeeds !== undefined) this.#apiAwayDeeds++;
    const deeds = this.#possible();
    const deed = deeds[this.#random.int(deeds.length)];
    if (deed === undefined) throw new Error("Something can always be done");
    return deed;
  }

  /** What ends all trouble, and removes what was created. */
  mend(): readonly Deed[] {
    return [
      ...(this.#apiAwayDeeds === undefined ? [] : [this.#apiBack()]),
      ...[...this.#troubled.keys()].map((node) => this.#ends(node)),
      ...[...this.#services].map((name) => this.#deletes(name)),
      ...(this.#grown ? [this.#edits()] : []),
    ];
  }

  #possible(): readonly Deed[] {
    const { lab, kept } = this.#scene;
    const hasApi = this.#apiAwayDeeds === undefined;
    const isPossible = ({ byApi }: Trouble): boolean => hasApi || !byApi;
    const deeds: Deed[] = [];
    for (const node of lab.agentNodes) {
      const trouble = this.#troubled.get(node);
      if (trouble !== undefined) {
        // As likely as all other trouble together.
        const end = this.#ends(node);
        if (isPossible(trouble)) deeds.push(...this.#troubles.map(() => end));
      } else if (this.#troubled.size < TROUBLED_MAX) {
        const possible = this.#troubles.filter((one) =>
          isPossible(one) && !(one.kills && node === kept)
        );
        deeds.push(...possible.map((one) => this.#begins(node, one)));
      }
    }
    if (!hasApi) {
      const long = (this.#apiAwayDeeds ?? 0) >= API_AWAY_DEEDS_MAX;
      return long ? [this.#apiBack()] : [...deeds, this.#apiBack()];
    }
    return [...deeds, ...this.#withObjects()];
  }

  #withObjects(): readonly Deed[] {
    const { lab } = this.#scene;
    return [
      {
        name: "API server killed",
        run: async () => {
          this.#apiAwayDeeds = 0;
          this.#silence(undefined);
          await lab.plane.killApiserver();
        },
      },
      this.#edits(),
      ...(this.#services.size < SERVICES_MAX
        ? [this.#creates(), this.#creates()]
        : []),
      ...[...this.#services].map((name) => this.#deletes(name)),
    ];
  }

  #begins(node: KubeNode, trouble: Trouble): Deed {
    return {
      name: trouble.name,
      run: async () => {
        this.#troubled.set(node, trouble);
        if (trouble.silences) this.#silence(node.name);
        await trouble.begins(node);
      },
    };
  }

  #ends(node: KubeNode): Deed {
    return {
      name: "a node mended",
      run: async () => {
        const trouble = this.#troubled.get(node);
        this.#troubled.delete(node);
        await trouble?.mends(node);
        if (trouble?.silences) this.#hears(node.name);
      },
    };
  }

  #apiBack(): Deed {
    return {
      name: "API server back",
      run: async () => {
        this.#apiAwayDeeds = undefined;
        await this.#scene.lab.plane.startApiserver();
        this.#hears(undefined);
      },
    };
  }

  #silence(node: string | undefined): void {
    this.#silent.push({
      ...(node === undefined ? {} : { node }),
      fromMs: Date.now(),
    });
  }

  #hears(node: string | undefined): void {
    const span = this.#silent.findLast((one) => one.node === node);
    if (span !== undefined) span.toMs = Date.now();
  }

  #creates(): Deed {
    return {
      name: "Service created",
      run: async () => {
        const { lab, pool: eip, app } = this.#scene;
        const name = `soak-${++this.#created}`;
        this.#services.add(name);
        const spec = { selector: { app } };
        await lab.objects.createService({ name, eip, spec });
      },
    };
  }

  #deletes(name: string): Deed {
    return {
      name: "Service deleted",
      run: async () => {
        this.#services.delete(name);
        this.deletedMs.push(Date.now());
        await this.#scene.lab.objects.delete(servicePath(name));
      },
    };
  }

  #edits(): Deed {
    return {
      name: "Eip edited",
      run: async () => {
        const { lab, pool } = this.#scene;
        this.#grown = !this.#grown;
        const spec = this.#grown
          ? { address: RANGE_GROWN, interface: "can_reach:192.168.0.2" }
          : { address: RANGE, interface: "eth0" };
        await lab.objects.patch(eipPath(pool), { spec });
      },
    };
  }
}

/** The addresses of the pool at the beginning and at the end. */
export const RANGE = "192.168.0.101-192.168.0.130";
const RANGE_GROWN = "192.168.0.101-192.168.0.140";

/** Every way a node may be in trouble. */
function troublesOf(patch: Patch): readonly Trouble[] {
  return [
    { name: "node frozen", silences: true, begins: freeze, mends: thaw },
    {
      name: "data link cut",
      begins: (node) => node.linkDown("eth0"),
      mends: (node) => node.linkUp("eth0"),
    },
    {
      name: "data link dead with carrier",
      begins: (node) => setPortForwarding(node.name, "eth0", false),
      mends: (node) => setPortForwarding(node.name, "eth0", true),
    },
    {
      name: "management link cut",
      silences: true,
      begins: (node) => node.linkDown("eth1"),
      mends: (node) => node.linkUp("eth1"),
    },
    {
      name: "agent killed",
      kills: true,
      begins: (node) => node.killAgent(),
      mends: (node) => Promise.resolve(void node.startAgent()),
    },
    {
      name: "agent ended by SIGTERM",
      kills: true,
      begins: async (node) => void await node.stopAgent(),
      mends: (node) => Promise.resolve(void node.startAgent()),
    },
    {
      name: "agent stopped",
      silences: true,
      begins: (node) => Promise.resolve(node.pauseAgent()),
      mends: (node) => Promise.resolve(node.resumeAgent()),
    },
    {
      name: "node excluded by label",
      byApi: true,
      begins: (node) =>
        patch(node, { metadata: { labels: { [EXCLUDE_NODE_LABEL]: "" } } }),
      mends: (node) =>
        patch(node, { metadata: { labels: { [EXCLUDE_NODE_LABEL]: null } } }),
    },
    {
      name: "node drained: cordoned and tainted",
      byApi: true,
      begins: (node) => patch(node, { spec: GOING }),
      mends: (node) =>
        patch(node, { spec: { unschedulable: null, taints: null } }),
    },
  ];
}

const GOING = {
  unschedulable: true,
  taints: [{ key: "ToBeDeletedByClusterAutoscaler", effect: "NoSchedule" }],
};
const TROUBLED_MAX = 2;
const API_AWAY_DEEDS_MAX = 4;
const SERVICES_MAX = 8;
