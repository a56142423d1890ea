/**
 * Certificates of our own: made, read, and kept in a Secret.
 *
 * @module
 */
export * from "./admission_certificates.ts";
export * from "./certificate.ts";
