// Short names for the schemas that applications hold on to.
import type { components } from "./schema.js";

type Schemas = components["schemas"];

/** A file. */
export type FileView = Schemas["FileView"];
/** An avatar. */
export type AvatarView = Schemas["AvatarView"];
/** An upload that was asked for. */
export type IssuedView = Schemas["IssuedView"];
/** What asks for one. */
export type PresignRequest = Schemas["PresignRequest"];
