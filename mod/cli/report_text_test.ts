import { strictEqual } from "node:assert/strict";
import { assert } from "@/lang/assert.ts";
import { parseIpAddr } from "@/addr/ip_addr.ts";
import type { StatusReport, WhyReport } from "@/node/mod.ts";
import { statusText, whyText } from "./report_text.ts";

Deno.test("statusText() has what is wrong first, then tables", () => {
  strictEqual(
    statusText(STATUS, { color: false }),
    `\
✗ 2 problems: 2 agents, 1 Eip, 2 Services

✗ Service shop/more  No suitable ip to allocate: release an address
! Eip office         Set strictARP (said by n1)

  NODE  AGENT     ANSWERS FOR  LINKS
✓ n1    live      1 address    eth0   gives out addresses
✗ n2    silent    0 addresses  eth0
· n3    no agent  -            -

  EIP     ADDRESSES   PROTOCOL  USE
! office  192.0.2.91  layer2    1 of 1 used  full

  SERVICE    ADDRESS     EIP     OWNER  SINCE
✗ shop/more  <pending>   -       -                     PoolExhausted
✓ shop/web   192.0.2.91  office  n1     90 s ago
✓            192.0.2.92  office  n2     first in line
`,
  );
});

Deno.test("statusText() of a cluster where nothing is wrong is short", () => {
  const text = statusText(
    {
      at: AT,
      askedAgent: "n1",
      problems: [],
      nodes: [],
      eips: [],
      services: [],
    },
    { color: false },
  );
  strictEqual(
    text,
    `\
✓ Nothing is wrong: 0 agents, 0 Eips, 0 Services, as the agent of n1 sees it

  Nodes: none

  Eips: none

  Services: none
`,
  );
});

Deno.test("statusText() shows BGP sessions, those that are down first", () => {
  const text = statusText({
    ...STATUS,
    services: [],
    sessions: [
      {
        node: "n1",
        peer: "tor",
        router: "192.0.2.1",
        verdict: "ok",
        state: "Established",
        since: "2026-01-01T11:59:00Z",
        routes: 2,
      },
      {
        node: "n2",
        peer: "tor",
        router: "192.0.2.1",
        verdict: "warning",
        state: "Active",
        why: "Nobody listens",
      },
      {
        node: "n3",
        peer: "tor",
        router: "192.0.2.1",
        verdict: "note",
        state: "Established",
        routes: 2,
        hint: "The peer announces nothing to us. If our routes …",
      },
      {
        node: "n1",
        peer: "x",
        router: "10.0.0.0/24",
        routers: 2,
        verdict: "note",
        state: "Established",
        routes: 4,
        hint: "Connections are refused: 2 routers have one already, …",
      },
    ],
  }, { color: false });
  strictEqual(
    text.includes(`\
  BGPPEER  ROUTER              NODE  STATE        SINCE     ROUTES
! tor      192.0.2.1           n2    Active                 -       Nobody listens
· tor      192.0.2.1           n3    Established            2       announces nothing to us
· x        10.0.0.0/24 (2 up)  n1    Established            4       Connections are refused
✓ tor      192.0.2.1           n1    Established  60 s ago  2
`),
    true,
    text,
  );
});

Deno.test("statusText() names the next hops of an address, or their number", () => {
  const lineOf = (nextHops: readonly string[]): string =>
    statusText({
      ...STATUS,
      services: [{
        service: "shop/web",
        verdict: "ok",
        addresses: [{ vip: ip("192.0.2.91"), eip: "office", nextHops }],
      }],
    }, { color: false }).split("\n").find((line) =>
      line.includes("shop/web")
    ) ?? "";
  strictEqual(lineOf(["n1", "n2"]).includes("  n1,n2"), true);
  strictEqual(lineOf(["1", "2", "3", "4", "5"]).includes("5 next hops"), true);
  strictEqual(lineOf([]).includes("nobody"), true);
});

Deno.test("statusText() names a hundred Services, the worst first, and counts the others", () => {
  const services = Array.from({ length: 150 }, (_, i) => ({
    service: `shop/s${i}`,
    verdict: i === 149 ? "problem" as const : "ok" as const,
    addresses: [],
  }));
  const lines = statusText({ ...STATUS, services }, { color: false })
    .split("\n");
  strictEqual(lines.filter((line) => line.includes(" shop/s")).length, 100);
  strictEqual(
    lines.findIndex((line) => line.startsWith("✗ shop/s149")) > 0,
    true,
  );
  strictEqual(lines.at(-2), "  and 50 more: -o json has all");
});

Deno.test("whyText() aligns the steps, and what was looked at below each", () => {
  strictEqual(
    whyText(WHY, { color: false }),
    `\
✗ shop/web: No node may answer

✓ Opted in    by spec.loadBalancerClass openelb.io/openelb
✓ Pool        office
              ✓ office  192.0.2.91
              · other   is of IPv6, not IPv4
✗ Candidates  No node may answer
              ✗ n1  its agent has not renewed its Lease since 2026-01-01T11:00:00Z (60 min ago): look
`,
  );
});

Deno.test("whyText() wraps at the width of the terminal, under where the sentence began", () => {
  strictEqual(
    whyText(WHY, { color: false, width: 60 }).split("\n").slice(-4).join("\n"),
    `\
              ✗ n1  its agent has not renewed its Lease
                    since 2026-01-01T11:00:00Z (60 min ago):
                    look
`,
  );
});

Deno.test("whyText() names the address where there are several", () => {
  const steps = ["192.0.2.91", "2001:db8::91"].map((text) => ({
    step: "Owner" as const,
    verdict: "ok" as const,
    sentence: "n1",
    vip: ip(text),
    rows: [],
  }));
  strictEqual(
    whyText({ ...WHY, steps }, { color: false }).split("\n").slice(2).join(
      "\n",
    ),
    "✓ Owner 192.0.2.91    n1\n✓ Owner 2001:db8::91  n1\n",
  );
});

Deno.test("whyText() colors marks for terminals", () => {
  const [line = ""] = whyText(WHY, { color: true }).split("\n");
  strictEqual(
    line,
    "\x1b[31m✗\x1b[0m \x1b[1mshop/web: No node may answer\x1b[0m",
  );
});

function ip(text: string) {
  const addr = parseIpAddr(text);
  assert(addr !== undefined, text);
  return addr;
}

const AT = "2026-01-01T12:00:00Z";

const STATUS: StatusReport = {
  at: AT,
  problems: [
    {
      verdict: "problem",
      about: "Service shop/more",
      reason: "PoolExhausted",
      sentence: "No suitable ip to allocate: release an address",
    },
    {
      verdict: "warning",
      about: "Eip office",
      reason: "StrictArpOff",
      sentence: "Set strictARP (said by n1)",
    },
  ],
  nodes: [
    {
      node: "n1",
      verdict: "ok",
      agent: "live",
      controls: true,
      owns: 1,
      links: ["eth0"],
    },
    {
      node: "n2",
      verdict: "problem",
      agent: "silent",
      controls: false,
      owns: 0,
      links: ["eth0"],
    },
    {
      node: "n3",
      verdict: "note",
      agent: "none",
      controls: false,
      owns: 0,
      links: [],
    },
  ],
  eips: [
    {
      eip: "office",
      verdict: "warning",
      address: "192.0.2.91",
      protocol: "layer2",
      used: 1,
      size: 1,
      full: true,
      ready: "Ready",
    },
  ],
  services: [
    {
      service: "shop/web",
      verdict: "ok",
      addresses: [
        {
          vip: ip("192.0.2.91"),
          eip: "office",
          owner: { node: "n1", since: "2026-01-01T11:58:30Z", by: "condition" },
        },
        {
          vip: ip("192.0.2.92"),
          eip: "office",
          owner: { node: "n2", by: "order" },
        },
      ],
    },
    {
      service: "shop/more",
      verdict: "problem",
      addresses: [],
      reason: "PoolExhausted",
    },
  ],
};

const WHY: WhyReport = {
  at: AT,
  service: "shop/web",
  verdict: "problem",
  sentence: "No node may answer",
  steps: [
    {
      step: "Opted in",
      verdict: "ok",
      sentence: "by spec.loadBalancerClass openelb.io/openelb",
      rows: [],
    },
    {
      step: "Pool",
      verdict: "ok",
      sentence: "office",
      rows: [
        {
          name: "office",
          verdict: "ok",
          reason: "chosen",
          sentence: "192.0.2.91",
        },
        {
          name: "other",
          verdict: "note",
          reason: "other-family",
          sentence: "is of IPv6, not IPv4",
        },
      ],
    },
    {
      step: "Candidates",
      verdict: "problem",
      sentence: "No node may answer",
      rows: [{
        name: "n1",
        verdict: "problem",
        reason: "AgentSilent",
        sentence:
          "its agent has not renewed its Lease since 2026-01-01T11:00:00Z: look",
      }],
    },
  ],
};
