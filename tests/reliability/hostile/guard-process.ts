import childProcess from "node:child_process";
import dgram from "node:dgram";
import http from "node:http";
import https from "node:https";
import { register, syncBuiltinESMExports } from "node:module";
import net from "node:net";
import vm from "node:vm";
import threads, { MessageChannel } from "node:worker_threads";

/** What data must never make a program do. */
export interface GuardReport {
  readonly modulesLoaded: readonly string[];
  readonly codeMade: readonly string[];
  readonly processesStarted: readonly string[];
  readonly connections: readonly string[];
}

/** Runs in the loader's thread: tells every module that is asked for. */
const loaderHook = `
let port;
export function initialize(data) { port = data.port; }
export async function resolve(specifier, context, next) { port.postMessage(specifier); return next(specifier, context); }
`;

/**
 * Watches, from now on, for modules that are loaded, code that is made of text, and processes, threads and connections that are
 * started. What is tried is refused, so that it shows in an error as well.
 */
export function guardProcess(): { report(): Promise<GuardReport> } {
  const found = {
    modulesLoaded: [] as string[],
    codeMade: [] as string[],
    processesStarted: [] as string[],
    connections: [] as string[],
  };
  const refuse = (list: string[], what: string) =>
    function refused(...args: unknown[]): never {
      list.push(`${what} ${String(args[0]).slice(0, 100)}`);
      throw new Error(`guarded: ${what}`);
    };
  for (const name of ["spawn", "spawnSync", "exec", "execSync", "execFile", "execFileSync", "fork"] as const) {
    Object.assign(childProcess, { [name]: refuse(found.processesStarted, name) });
  }
  Object.assign(threads, { Worker: refuse(found.processesStarted, "Worker") });
  for (const [module, names] of [
    [net, ["connect", "createConnection", "createServer"]],
    [http, ["request", "get", "createServer"]],
    [https, ["request", "get"]],
    [dgram, ["createSocket"]],
  ] as const) {
    for (const name of names) Object.assign(module, { [name]: refuse(found.connections, name) });
  }
  net.Socket.prototype.connect = refuse(found.connections, "connect") as never;
  for (const name of ["fetch", "WebSocket", "XMLHttpRequest"])
    Object.assign(globalThis, { [name]: refuse(found.connections, name) });
  for (const name of ["runInContext", "runInNewContext", "runInThisContext", "compileFunction", "Script"]) {
    Object.assign(vm, { [name]: refuse(found.codeMade, `vm.${name}`) });
  }
  for (const name of ["eval", "Function"]) Object.assign(globalThis, { [name]: refuse(found.codeMade, name) });
  syncBuiltinESMExports();

  const { port1, port2 } = new MessageChannel();
  port1.on("message", (specifier: string) => found.modulesLoaded.push(specifier));
  port1.unref();
  register(`data:text/javascript,${encodeURIComponent(loaderHook)}`, import.meta.url, {
    data: { port: port2 },
    transferList: [port2],
  });
  return {
    async report() {
      await new Promise((resolve) => setTimeout(resolve, 50)); // messages of the loader's thread arrive
      return found;
    },
  };
}
