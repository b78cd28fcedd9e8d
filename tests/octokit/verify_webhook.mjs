// Whether GitHub's own verification takes a webhook's signature.
import { readFileSync } from "node:fs";
import { Webhooks } from "@octokit/webhooks";

const given = JSON.parse(readFileSync(0, "utf8"));
const verify = (secret, body) => new Webhooks({ secret }).verify(body, given.signature);

console.log(
  JSON.stringify({
    good: await verify(given.secret, given.body),
    changed: await verify(given.secret, `${given.body} `),
    other_secret: await verify("another secret", given.body),
  }),
);
