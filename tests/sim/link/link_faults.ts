/**
 * How faults begin and end.
 *
 * @module
 */

import { isIpv4 } from "@/addr/ip_addr.ts";
import { macOf } from "./addresses.ts";
import type { LinkFault } from "./fault_kinds.ts";
import { Gateway } from "./hosts.ts";
import type { LinkNode } from "./link_node.ts";
import type { LinkWorld } from "./link_world.ts";
import type { PlannedFault } from "./plan.ts";
import { portOf } from "./rules.ts";
import type { ApiVip } from "./scripted_main.ts";

/** A fault that goes on. */
export interface Ongoing {
  /** The nodes it is about. */
  readonly nodes: readonly LinkNode[];
  /** Ends it. */
  end(): void;
}

/**
 * Begins a fault.
 *
 * @param world The world.
 * @param fault Which, and for how long.
 * @returns The fault, or `undefined` when there is nobody left for it.
 */
export function strike(
  world: LinkWorld,
  fault: PlannedFault,
): Ongoing | undefined {
  const vip = world.random.pick(world.api.vips);
  const node = drawNode(world, vip);
  return node && strikeAt(world, fault, { vip, node });
}

/**
 * Begins a fault where it is wanted.
 *
 * @param world The world.
 * @param fault Which, and for how long.
 * @param at The VIP and the node that it is about.
 * @returns The fault, or `undefined` when that cannot be.
 */
export function strikeAt(
  world: LinkWorld,
  fault: PlannedFault,
  at: { readonly vip: ApiVip; readonly node: LinkNode },
): Ongoing | undefined {
  const { vip } = at;
  const begun = BEGIN[fault.kind]({ world, ...at, forMs: fault.forMs });
  if (begun === undefined) return undefined;
  const { nodes, end } = begun;
  world.trace(() =>
    `FAULT ${fault.kind} ${nodes.map(({ name }) => name)} (${vip.vip})`
  );
  for (const each of nodes) each.faults++;
  world.rules.rewired();
  let isOver = false;
  return {
    nodes,
    end: () => {
      if (isOver) return;
      isOver = true;
      world.trace(() => `END of ${fault.kind}`);
      end();
      for (const each of nodes) {
        each.faults--;
        each.faultlessSinceMs = world.nowMs;
      }
      world.rules.rewired();
    },
  };
}

interface Scene {
  readonly world: LinkWorld;
  readonly vip: ApiVip;
  readonly node: LinkNode;
  readonly forMs: number;
}

interface Begun {
  readonly nodes: readonly LinkNode[];
  readonly end: () => void;
}

const BEGIN: Readonly<
  Record<LinkFault, (scene: Scene) => Begun | undefined>
> = {
  freeze: ({ node }) => freeze([node]),
  "pair-freeze": ({ world, vip, node }) => {
    const next = world.order(vip).find((other) =>
      other !== node && other.isRunning && other.faults === 0
    );
    return next === undefined ? undefined : freeze([node, next]);
  },
  "link-down": ({ world, node }) => {
    const setCarrier = (hasCarrier: boolean): void => {
      node.hasCarrier = hasCarrier;
      cutOff(world, node, !hasCarrier);
      world.timeline.after(1 + world.draw(30), () => {
        node.postLinks();
        node.turn();
      });
    };
    setCarrier(false);
    return { nodes: [node], end: () => setCarrier(true) };
  },
  "cable-cut": ({ world, node }) =>
    switched([node], (isCut) => cutOff(world, node, isCut)),
  kill: ({ node }) => {
    node.kill();
    return { nodes: [node], end: () => node.boot() };
  },
  stop: ({ node }) => {
    node.stop();
    return { nodes: [node], end: () => node.resume() };
  },
  "vm-pause": ({ node }) => {
    node.pause();
    return { nodes: [node], end: () => node.unpause() };
  },
  deaf: ({ world, node }) =>
    switched([node], (isCut) => {
      node.oneWayCuts += isCut ? 1 : -1;
      eachPeer(
        world,
        node,
        (port, at) => port.segment.cut(at, port.port, isCut),
      );
    }),
  mute: ({ world, node }) =>
    switched([node], (isCut) => {
      node.oneWayCuts += isCut ? 1 : -1;
      eachPeer(
        world,
        node,
        (port, at) => port.segment.cut(port.port, at, isCut),
      );
    }),
  "one-way": ({ world, node }) => {
    const other = drawOther(world, node);
    return other === undefined ? undefined : switched(
      [node, other],
      (isCut) => cutPair(node, other, isCut),
    );
  },
  "two-apart": ({ world, node }) => {
    const other = drawOther(world, node);
    return other === undefined
      ? undefined
      : switched([node, other], (isCut) => {
        cutPair(node, other, isCut);
        cutPair(other, node, isCut);
      });
  },
  partition: ({ world }) => {
    const here = world.nodes.filter(() => world.draw(2) === 0);
    const there = world.nodes.filter((node) => !here.includes(node));
    return switched(world.nodes, (isCut) => cutHalves(here, there, isCut));
  },
  alone: ({ world, node }) =>
    switched(
      world.nodes,
      (isCut) =>
        cutHalves([node], world.nodes.filter((at) => at !== node), isCut),
    ),
  "api-outage": ({ world }) => {
    world.api.isUp = false;
    for (const node of world.nodes) node.main?.lose(node.monoMs);
    return {
      nodes: [],
      end: () => {
        world.api.isUp = true;
        for (const node of world.nodes) relistLater(world, node);
      },
    };
  },
  "api-lost": ({ world, node }) => {
    node.reachesApi = false;
    node.main?.lose(node.monoMs);
    return {
      nodes: [node],
      end: () => {
        node.reachesApi = true;
        relistLater(world, node);
      },
    };
  },
  "blind-next": ({ world, vip }) => {
    const [owner, next, third] = world.order(vip);
    if (third === undefined || owner === undefined || next === undefined) {
      return undefined;
    }
    if (![owner, next].every((node) => node.isRunning && node.faults === 0)) {
      return undefined;
    }
    next.reachesApi = false;
    next.kill();
    next.boot();
    let thaw: (() => void) | undefined;
    world.timeline.after(BLIND_FIRST_MS, () => {
      if (next.reachesApi || !owner.isRunning) return;
      thaw = freeze([owner]).end;
    });
    return {
      nodes: [owner, next],
      end: () => {
        thaw?.();
        next.reachesApi = true;
        relistLater(world, next);
      },
    };
  },
  drain: ({ world, node }) => {
    const vips = world.api.vips.filter(({ eligible }) =>
      eligible.includes(node.name) && eligible.length > 1
    );
    for (const vip of vips) {
      vip.eligible = vip.eligible.filter((name) => name !== node.name);
    }
    world.apiChanged();
    return {
      nodes: [node],
      end: () => {
        for (const vip of vips) {
          vip.eligible = [...new Set([...vip.eligible, node.name])].sort();
        }
        world.apiChanged();
      },
    };
  },
  upgrade: ({ world, node, forMs }) => ({
    nodes: [node],
    end: upgrade(world, [node], forMs),
  }),
  "rolling-upgrade": ({ world, forMs }) => ({
    nodes: world.nodes,
    end: upgrade(
      world,
      world.nodes.filter((node) => node.isRunning && node.faults === 0),
      forMs,
    ),
  }),
  "endpoint-move": ({ world, vip }) => {
    const before = vip.eligible;
    const after = world.nodes.filter(() => world.draw(2) === 0)
      .map(({ name }) => name);
    if (after.length === 0) after.push(world.random.pick(world.nodes).name);
    // The new ones are ready before the old ones go.
    const move = (to: readonly string[]): void => {
      vip.eligible = [...new Set([...vip.eligible, ...to])].sort();
      world.apiChanged();
      world.timeline.after(READY_FIRST_MS, () => {
        vip.eligible = to;
        world.apiChanged();
      });
    };
    move(after);
    return { nodes: [], end: () => move(before) };
  },
  withdraw: ({ world, vip }) => withdraw(world, vip),
  foreign: ({ world, vip }) => {
    const isBusy = vip.isGone || world.rules.foreign.has(vip.vip);
    if (!isIpv4(vip.vip) || isBusy) return undefined;
    const segment = world.segments.get(vip.link);
    if (segment === undefined) return undefined;
    const shown = withdraw(world, vip);
    const mac = macOf(0xf0, segment.size);
    const host = new Gateway(segment, { ip: vip.vip, mac });
    host.plug();
    world.timeline.after(FOREIGN_AFTER_MS, () => {
      shown.end();
      world.rules.foreignCame(vip.vip);
    });
    return {
      nodes: [],
      end: () => {
        host.isOn = false;
        world.rules.foreignGone(vip.vip);
      },
    };
  },
  burst: ({ world }) => {
    const segment = world.random.pick([...world.segments.values()]);
    return switched(world.nodes, (isOn) => segment.burst(isOn));
  },
};

function switched(
  nodes: readonly LinkNode[],
  set: (isOn: boolean) => void,
): Begun {
  set(true);
  return { nodes, end: () => set(false) };
}

function freeze(nodes: readonly LinkNode[]): Begun {
  for (const node of nodes) {
    node.isHostUp = false;
    node.kill();
  }
  return {
    nodes,
    end: () => {
      for (const node of nodes) {
        node.isHostUp = true;
        node.boot();
      }
    },
  };
}

function withdraw(world: LinkWorld, vip: ApiVip): Begun {
  vip.isGone = true;
  world.apiChanged();
  return {
    nodes: [],
    end: () => {
      vip.isGone = false;
      world.rules.freed(vip.vip);
      world.apiChanged();
    },
  };
}

/** One after the other; the time is for each. */
function upgrade(
  world: LinkWorld,
  nodes: readonly LinkNode[],
  forMs: number,
): () => void {
  const [node, ...others] = nodes;
  if (node === undefined) return () => {};
  let isOver = false;
  const next = (): void => {
    world.timeline.after(Math.min(forMs, RESTART_MS_MAX), () => {
      if (node.process === "off" && node.isHostUp) node.boot();
      // It has settled before the next one goes.
      world.timeline.after(STARTED_MS, () => {
        if (!isOver) upgrade(world, others, forMs);
      });
    });
  };
  node.terminate(next);
  return () => {
    isOver = true;
  };
}

function relistLater(world: LinkWorld, node: LinkNode): void {
  world.timeline.after(world.draw(1_000), () => node.relist());
}

/** The owner of a VIP, the next in line, or anyone, as far as nothing is wrong with them. */
function drawNode(world: LinkWorld, vip: ApiVip): LinkNode | undefined {
  const sound = (node: LinkNode): boolean =>
    node.isRunning && node.faults === 0;
  const owner = world.rules.answerers(vip.vip).find(sound);
  const lot = world.draw(4);
  if (lot < 2 && owner !== undefined) return owner;
  const others = world.order(vip).filter((node) =>
    node !== owner && sound(node)
  );
  if (lot === 2 && others[0] !== undefined) return others[0];
  const all = world.nodes.filter(sound);
  return all.length === 0 ? undefined : world.random.pick(all);
}

function drawOther(world: LinkWorld, node: LinkNode): LinkNode | undefined {
  const others = world.nodes.filter((other) => other !== node);
  return others.length === 0 ? undefined : world.random.pick(others);
}

function eachPeer(
  _world: LinkWorld,
  node: LinkNode,
  cut: (port: LinkNode["ports"][number], other: number) => void,
): void {
  for (const port of node.ports) {
    for (let at = 0; at < port.segment.size; at++) {
      if (at !== port.port) cut(port, at);
    }
  }
}

function cutOff(world: LinkWorld, node: LinkNode, isCut: boolean): void {
  eachPeer(world, node, ({ segment, port }, at) => {
    segment.cut(port, at, isCut);
    segment.cut(at, port, isCut);
  });
}

function cutPair(from: LinkNode, to: LinkNode, isCut: boolean): void {
  for (const { link, segment, port } of from.ports) {
    segment.cut(port, portOf(to, link).port, isCut);
  }
}

function cutHalves(
  here: readonly LinkNode[],
  there: readonly LinkNode[],
  isCut: boolean,
): void {
  for (const a of here) {
    for (const b of there) {
      cutPair(a, b, isCut);
      cutPair(b, a, isCut);
    }
  }
}

const BLIND_FIRST_MS = 1_500;
const READY_FIRST_MS = 600;
/** Foreign hosts come when a VIP is not answered for, or it would be a conflict. */
const FOREIGN_AFTER_MS = 700;
const RESTART_MS_MAX = 2_000;
const STARTED_MS = 2_500;
