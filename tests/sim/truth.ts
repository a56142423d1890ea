/**
 * How things are, as somebody would see them who sees everything at once.
 *
 * @module
 */

import { WATCHED_KINDS } from "@/node/mod.ts";
import type { ApiServer } from "./api_server.ts";
import { ToldView } from "./told_view.ts";

/** A view of everything the API server has. */
export function truthOf(server: ApiServer): ToldView {
  const view = new ToldView("", "");
  for (const kind of WATCHED_KINDS) {
    const raws = [...server.values(kind)];
    view.take(
      { kind, what: "listed", raws, revision: server.revision },
      0,
      0,
    );
  }
  return view;
}
