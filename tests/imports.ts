import { existsSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import ts from "typescript";
import { root } from "./workspace.js";

export interface Import {
  readonly from: string;
  readonly specifier: string;
  /** `import type` and `export type`: gone after compiling, so they can't make a cycle at run time. */
  readonly isType: boolean;
  readonly isDynamic: boolean;
}

/** Every import, re-export and `import()` of one source file. */
export function readImports(path: string): Import[] {
  const file = ts.createSourceFile(path, readFileSync(join(root, path), "utf8"), ts.ScriptTarget.ES2022, true);
  const imports: Import[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
      const isType = node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
      imports.push({ from: path, specifier: node.moduleSpecifier.text, isType, isDynamic: false });
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier && ts.isStringLiteral(node.moduleSpecifier)) {
      imports.push({ from: path, specifier: node.moduleSpecifier.text, isType: node.isTypeOnly, isDynamic: false });
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [target] = node.arguments;
      if (target && ts.isStringLiteral(target)) {
        imports.push({ from: path, specifier: target.text, isType: false, isDynamic: true });
      }
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return imports;
}

/** The source file that a relative specifier means, or undefined where it is generated or not TypeScript. */
export function resolveRelative({ from, specifier }: Import): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  const path = posix.join(posix.dirname(from), specifier).replace(/\.js$/, ".ts");
  return existsSync(join(root, path)) ? path : undefined;
}

/** One cycle of a directed graph as a list of its nodes (the first again at the end), or undefined. */
export function findCycle(arrows: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const finished = new Set<string>();
  const trail: string[] = [];
  const visit = (node: string): string[] | undefined => {
    if (finished.has(node)) return undefined;
    const seen = trail.indexOf(node);
    if (seen >= 0) return [...trail.slice(seen), node];
    trail.push(node);
    for (const next of arrows.get(node) ?? []) {
      const cycle = visit(next);
      if (cycle) return cycle;
    }
    trail.pop();
    finished.add(node);
    return undefined;
  };
  for (const node of arrows.keys()) {
    const cycle = visit(node);
    if (cycle) return cycle;
  }
  return undefined;
}
