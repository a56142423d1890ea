/**
 * The finite state machine of RFC 4271 §8.2.2 as data: for each state and
 * event what is done, and which state follows.
 *
 * With RFC 6608 (subcodes of FSM errors), RFC 9687 (event 29) and the subcodes
 * of RFC 4486. What is left to an implementation is settled so:
 *
 * - A connection that fails in Connect leads to Active, whose ConnectRetryTimer
 *   dials again; in Active, too. Deviates from RFC 4271 §8.2.2, which goes to
 *   Idle: there the peer's own connection would be refused meanwhile.
 * - A second OPEN on a connection is an FSM error (RFC 6608), as BIRD does.
 * - A NOTIFICATION is never answered (RFC 4271 §6.4), also in OpenSent, where
 *   the text lists it under "any other event".
 *
 * @module
 */

import { BGP_ERROR, CEASE, FSM_ERROR } from "@/wire/bgp/iana.ts";

/** States of a connection with a peer (RFC 4271 §8.2.2). */
export type FsmState =
  | "Idle"
  | "Connect"
  | "Active"
  | "OpenSent"
  | "OpenConfirm"
  | "Established";

/** Events 1 to 28 of RFC 4271 §8.1 and 29 of RFC 9687 §4, in their order. */
export const FSM_EVENTS = [
  "manual-start",
  "manual-stop",
  "automatic-start",
  "manual-start-passive",
  "automatic-start-passive",
  "automatic-start-damped",
  "automatic-start-damped-passive",
  "automatic-stop",
  "connect-retry-timer-expires",
  "hold-timer-expires",
  "keepalive-timer-expires",
  "delay-open-timer-expires",
  "idle-hold-timer-expires",
  "tcp-connection-valid",
  "tcp-connection-invalid",
  "tcp-connection-acked",
  "tcp-connection-confirmed",
  "tcp-connection-fails",
  "open",
  "open-while-delayed",
  "header-error",
  "open-error",
  "collision-dump",
  "notification-version-error",
  "notification",
  "keepalive",
  "update",
  "update-error",
  "send-hold-timer-expires",
] as const;

/** An event, by its name. */
export type FsmEventKind = typeof FSM_EVENTS[number];

/** What is done. Those of timers are done by the machine, the others by its owner. */
export type FsmAction =
  | "connect-retry-counter-zero"
  | "connect-retry-counter-up"
  | "connect-retry-timer-start"
  | "connect-retry-timer-stop"
  | "delay-open-timer-start"
  | "delay-open-timer-stop"
  | "keepalive-timer-start"
  | "hold-timer-large"
  | "hold-timer-start"
  | "send-hold-timer-start"
  | "idle-hold-timer-start"
  | FsmDemand;

/** What the machine wants of its owner. */
export type FsmDemand =
  | "dial"
  | "drop-connection"
  | "track-connection"
  | "reject-connection"
  | "send-open"
  | "send-keepalive"
  | "send-notification"
  | "send-error"
  | "delete-routes"
  | "resolve-collision"
  | "use-update";

/** When a cell with several branches takes one. */
export type FsmCondition =
  | "delay-open"
  | "no-delay-open"
  | "delay-open-timer-runs"
  | "delay-open-timer-stopped";

/** What an event leads to. */
export interface FsmCell {
  /** The state that follows. */
  readonly next: FsmState;
  /** What is done, in this order. */
  readonly actions: readonly FsmAction[];
  /** Code and subcode of `send-notification`, where the event brings none. */
  readonly notification?: { readonly code: number; readonly subcode: number };
  /** When it applies; always where absent. */
  readonly condition?: FsmCondition;
}

/** A state's cells, by event; several where conditions choose. */
export type FsmRow = Readonly<Record<FsmEventKind, readonly FsmCell[]>>;

type Sparse = Partial<Record<FsmEventKind, FsmCell | readonly FsmCell[]>>;

function cell(next: FsmState, ...actions: FsmAction[]): FsmCell {
  return { next, actions };
}

function row(fallback: FsmCell, cells: Sparse): FsmRow {
  const full: Partial<Record<FsmEventKind, readonly FsmCell[]>> = {};
  for (const event of FSM_EVENTS) {
    const given = cells[event] ?? fallback;
    full[event] = "next" in given ? [given] : given;
  }
  return full as FsmRow;
}

function when(condition: FsmCondition, given: FsmCell): FsmCell {
  return { ...given, condition };
}

function telling(code: number, subcode: number, given: FsmCell): FsmCell {
  return {
    ...given,
    actions: ["send-notification", ...given.actions],
    notification: { code, subcode },
  };
}

/** Events that only start what has not begun. */
function starts(state: FsmState): Sparse {
  const ignored = cell(state);
  return {
    "manual-start": ignored,
    "automatic-start": ignored,
    "manual-start-passive": ignored,
    "automatic-start-passive": ignored,
    "automatic-start-damped": ignored,
    "automatic-start-damped-passive": ignored,
  };
}

const STOP: readonly FsmAction[] = [
  "connect-retry-timer-stop",
  "delay-open-timer-stop",
  "drop-connection",
];
const END = cell(
  "Idle",
  ...STOP,
  "connect-retry-counter-up",
  "idle-hold-timer-start",
);
const END_WITH_ERROR = cell("Idle", "send-error", ...END.actions);
const END_ROUTES = cell("Idle", "delete-routes", ...END.actions);
/** Without counting: another version may be tried (RFC 4271 §8.2.2, event 24). */
const END_UNCOUNTED = cell("Idle", ...STOP, "idle-hold-timer-start");
const MANUAL_END = cell("Idle", ...STOP, "connect-retry-counter-zero");

const DIAL = cell(
  "Connect",
  "connect-retry-counter-zero",
  "connect-retry-timer-start",
  "dial",
);
const WAIT = cell(
  "Active",
  "connect-retry-counter-zero",
  "connect-retry-timer-start",
);
const OPEN: readonly FsmAction[] = [
  "connect-retry-timer-stop",
  "delay-open-timer-stop",
  "send-open",
  "hold-timer-large",
];
const OPEN_AND_CONFIRM = cell(
  "OpenConfirm",
  "connect-retry-timer-stop",
  "delay-open-timer-stop",
  "send-open",
  "send-keepalive",
  "keepalive-timer-start",
  "hold-timer-start",
);

function connected(state: "Connect" | "Active"): readonly FsmCell[] {
  return [
    when(
      "delay-open",
      cell(state, "connect-retry-timer-stop", "delay-open-timer-start"),
    ),
    when("no-delay-open", cell("OpenSent", ...OPEN)),
  ];
}

const VERSION_ERROR_BEFORE_OPEN: readonly FsmCell[] = [
  when("delay-open-timer-runs", END_UNCOUNTED),
  when("delay-open-timer-stopped", END),
];

const FAILED_TO_ACTIVE = cell(
  "Active",
  "drop-connection",
  "delay-open-timer-stop",
  "connect-retry-counter-up",
  "connect-retry-timer-start",
);

function fsmError(subcode: number, end: FsmCell): FsmCell {
  return telling(BGP_ERROR.fsm, subcode, end);
}

/** The whole machine: 6 states and 29 events. */
export const FSM_TABLE: Readonly<Record<FsmState, FsmRow>> = {
  Idle: row(cell("Idle"), {
    "manual-start": DIAL,
    "automatic-start": DIAL,
    "manual-start-passive": WAIT,
    "automatic-start-passive": WAIT,
    // Damping is the IdleHoldTimer's: what starts earlier waits for it.
    "automatic-start-damped": cell("Idle"),
    "automatic-start-damped-passive": cell("Idle"),
  }),

  Connect: row(END, {
    ...starts("Connect"),
    "manual-stop": MANUAL_END,
    "connect-retry-timer-expires": cell(
      "Connect",
      "drop-connection",
      "delay-open-timer-stop",
      "connect-retry-timer-start",
      "dial",
    ),
    "delay-open-timer-expires": cell("OpenSent", ...OPEN),
    "tcp-connection-valid": cell("Connect", "track-connection"),
    "tcp-connection-invalid": cell("Connect", "reject-connection"),
    "tcp-connection-acked": connected("Connect"),
    "tcp-connection-confirmed": connected("Connect"),
    "tcp-connection-fails": FAILED_TO_ACTIVE,
    "open-while-delayed": OPEN_AND_CONFIRM,
    "header-error": END_WITH_ERROR,
    "open-error": END_WITH_ERROR,
    "notification-version-error": VERSION_ERROR_BEFORE_OPEN,
  }),

  Active: row(END, {
    ...starts("Active"),
    "manual-stop": [
      when(
        "delay-open-timer-runs",
        telling(BGP_ERROR.cease, CEASE.administrativeShutdown, MANUAL_END),
      ),
      when("delay-open-timer-stopped", MANUAL_END),
    ],
    "connect-retry-timer-expires": cell(
      "Connect",
      "connect-retry-timer-start",
      "dial",
    ),
    "delay-open-timer-expires": cell("OpenSent", ...OPEN),
    "tcp-connection-valid": cell("Active", "track-connection"),
    "tcp-connection-invalid": cell("Active", "reject-connection"),
    "tcp-connection-acked": connected("Active"),
    "tcp-connection-confirmed": connected("Active"),
    "tcp-connection-fails": FAILED_TO_ACTIVE,
    "open-while-delayed": OPEN_AND_CONFIRM,
    "header-error": END_WITH_ERROR,
    "open-error": END_WITH_ERROR,
    "notification-version-error": VERSION_ERROR_BEFORE_OPEN,
  }),

  OpenSent: row(fsmError(FSM_ERROR.inOpenSent, END), {
    ...starts("OpenSent"),
    "manual-stop": telling(
      BGP_ERROR.cease,
      CEASE.administrativeShutdown,
      MANUAL_END,
    ),
    "automatic-stop": telling(BGP_ERROR.cease, 0, END),
    "hold-timer-expires": telling(BGP_ERROR.holdTimerExpired, 0, END),
    "tcp-connection-valid": cell("OpenSent", "track-connection"),
    "tcp-connection-invalid": cell("OpenSent", "reject-connection"),
    "tcp-connection-acked": cell("OpenSent", "track-connection"),
    "tcp-connection-confirmed": cell("OpenSent", "track-connection"),
    "tcp-connection-fails": cell(
      "Active",
      "drop-connection",
      "connect-retry-timer-start",
    ),
    "open": cell(
      "OpenConfirm",
      "resolve-collision",
      "delay-open-timer-stop",
      "connect-retry-timer-stop",
      "send-keepalive",
      "keepalive-timer-start",
      "hold-timer-start",
    ),
    "header-error": END_WITH_ERROR,
    "open-error": END_WITH_ERROR,
    "collision-dump": telling(
      BGP_ERROR.cease,
      CEASE.connectionCollision,
      END,
    ),
    "notification-version-error": END_UNCOUNTED,
    "notification": END,
  }),

  OpenConfirm: row(fsmError(FSM_ERROR.inOpenConfirm, END), {
    ...starts("OpenConfirm"),
    "manual-stop": telling(
      BGP_ERROR.cease,
      CEASE.administrativeShutdown,
      MANUAL_END,
    ),
    "automatic-stop": telling(BGP_ERROR.cease, 0, END),
    "hold-timer-expires": telling(BGP_ERROR.holdTimerExpired, 0, END),
    "keepalive-timer-expires": cell(
      "OpenConfirm",
      "send-keepalive",
      "keepalive-timer-start",
    ),
    "tcp-connection-valid": cell("OpenConfirm", "track-connection"),
    "tcp-connection-invalid": cell("OpenConfirm", "reject-connection"),
    "tcp-connection-acked": cell("OpenConfirm", "track-connection"),
    "tcp-connection-confirmed": cell("OpenConfirm", "track-connection"),
    "tcp-connection-fails": END,
    "header-error": END_WITH_ERROR,
    "open-error": END_WITH_ERROR,
    "collision-dump": telling(
      BGP_ERROR.cease,
      CEASE.connectionCollision,
      END,
    ),
    "notification-version-error": END_UNCOUNTED,
    "notification": END,
    "keepalive": cell(
      "Established",
      "hold-timer-start",
      "send-hold-timer-start",
    ),
  }),

  Established: row(fsmError(FSM_ERROR.inEstablished, END_ROUTES), {
    ...starts("Established"),
    "manual-stop": telling(
      BGP_ERROR.cease,
      CEASE.administrativeShutdown,
      cell("Idle", "delete-routes", ...MANUAL_END.actions),
    ),
    "automatic-stop": telling(BGP_ERROR.cease, 0, END_ROUTES),
    "hold-timer-expires": telling(BGP_ERROR.holdTimerExpired, 0, END_ROUTES),
    "keepalive-timer-expires": cell(
      "Established",
      "send-keepalive",
      "keepalive-timer-start",
    ),
    "tcp-connection-valid": cell("Established", "track-connection"),
    "tcp-connection-invalid": cell("Established", "reject-connection"),
    "tcp-connection-acked": cell("Established", "track-connection"),
    "tcp-connection-confirmed": cell("Established", "track-connection"),
    "tcp-connection-fails": END_ROUTES,
    // §8.2.2 has it under "any other event", §6.1 demands the header's code.
    "header-error": cell("Idle", "send-error", ...END_ROUTES.actions),
    "collision-dump": telling(
      BGP_ERROR.cease,
      CEASE.connectionCollision,
      END_ROUTES,
    ),
    "notification-version-error": END_ROUTES,
    "notification": END_ROUTES,
    "keepalive": cell("Established", "hold-timer-start"),
    "update": cell("Established", "use-update", "hold-timer-start"),
    "update-error": cell("Idle", "send-error", ...END_ROUTES.actions),
    "send-hold-timer-expires": telling(
      BGP_ERROR.sendHoldTimerExpired,
      0,
      END_ROUTES,
    ),
  }),
};
