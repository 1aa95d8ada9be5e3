export { openStorage } from "./open-storage.js";
export * from "./portable.js";
