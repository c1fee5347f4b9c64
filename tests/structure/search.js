// Asks the search of the site as the page does: node search.js WORKER INDEX QUERIES; prints the pages found for each query.

const fs = require("fs");
const vm = require("vm");

const [worker, index, queries] = process.argv.slice(2);
let answer, receive;
globalThis.self = globalThis;
globalThis.addEventListener = (_, listener) => { receive = listener; };
globalThis.postMessage = (message) => { answer = message; };
vm.runInThisContext(fs.readFileSync(worker, "utf8"));

const [SETUP, QUERY] = [0, 2]; // the kinds of messages
const data = JSON.parse(fs.readFileSync(index, "utf8"));
data.options = { suggest: true };

(async () => {
  await receive({ data: { type: SETUP, data } });
  const found = {};
  for (const query of JSON.parse(queries)) {
    await receive({ data: { type: QUERY, data: query } });
    found[query] = answer.data.items.map((page) => page[0].location);
  }
  process.stdout.write(JSON.stringify(found));
})();
