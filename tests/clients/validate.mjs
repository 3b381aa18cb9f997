// Validates a JSON document (standard input) against a JSON Schema (argument 1): writes a list of errors.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const Ajv = createRequire(`${process.env.NODE_MODULES}/`)("ajv");
const ajv = new Ajv({ strict: false, validateFormats: false });
const validate = ajv.compile(JSON.parse(readFileSync(process.argv[2])));
validate(JSON.parse(readFileSync(0)));
console.log(JSON.stringify(validate.errors ?? []));
