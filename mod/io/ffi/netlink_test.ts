import { inPrivateNetwork } from "../../../tests/io/private_network.ts";
import {
  command,
  NAMESPACES,
  testNeeding,
} from "../../../tests/support/needs.ts";

const SCRIPT = new URL("../../../tests/io/network.ts", import.meta.url);

const CASES: readonly (readonly [string, string])[] = [
  ["LinkWatcher", "follows links and addresses"],
  ["LinkWatcher", "follows what becomes of a link"],
  ["LinkWatcher", "is quiet about what it does not tell"],
  ["LinkWatcher", "keeps the list right when announcements are lost"],
  ["NetlinkEvents", "hears of an overflow"],
  ["LinkWatcher", "leaves out addresses in doubt"],
  ["Netlink", "tells addresses apart"],
  ["Netlink", "tells what a link stands on"],
  ["Netlink", "asks for routes"],
  ["Netlink", "knows neighbors"],
  ["Netlink", "finds the next hops of default routes"],
  ["KernelLinkTable", "follows gateways"],
  ["KernelLinkTable", "calls back when a route changes"],
  ["KernelLinkTable", "reads arp_ignore"],
  ["MulticastGroups", "joins groups, over several sockets"],
  ["MulticastGroups", "receives all groups where it cannot join"],
  ["requestRealtime()", "asks for a place before all others"],
];

for (const [subject, testCase] of CASES) {
  testNeeding(
    [NAMESPACES, command("ip")],
    `${subject} ${testCase}`,
    () => inPrivateNetwork(SCRIPT, testCase),
  );
}

testNeeding(
  [NAMESPACES, command("ip")],
  "requestRealtime() is refused a place before all others",
  () =>
    inPrivateNetwork(SCRIPT, "is refused a place before all others", {
      through: ["setpriv", "--bounding-set=-sys_nice"],
    }),
);
