// Parses an AsyncAPI document with the schemas that it refers to: `node parse.mjs PATH`. Prints what is wrong with it.
import { readFileSync } from "node:fs";
import { Parser } from "@asyncapi/parser";

const path = process.argv[2];
const { document, diagnostics } = await new Parser().parse(readFileSync(path, "utf8"), { source: path });
for (const { code, path: place, message } of diagnostics) {
  console.log(`${place.join(".")}: ${message} (${code})`);
}
process.exitCode = document && diagnostics.length === 0 ? 0 : 1;
