// What GitHub's own client does as an App: a JWT, a narrowed token, a check run, the deliveries.
import { readFileSync } from "node:fs";
import { createAppAuth } from "@octokit/auth-app";
import { Octokit } from "@octokit/core";

const given = JSON.parse(readFileSync(0, "utf8"));
const quiet = { debug() {}, info() {}, warn: (text) => warnings.push(text), error() {} };
const warnings = [];
const auth = { appId: given.app_id, privateKey: readFileSync(given.private_key_path, "utf8") };
const octokit = (more = {}) =>
  new Octokit({
    authStrategy: createAppAuth,
    auth: { ...auth, ...more },
    baseUrl: given.api_url,
    log: quiet,
  });
const app = octokit();
const [owner, repo] = given.repository.split("/");

const { data: self } = await app.request("GET /app");
const { data: found } = await app.request("GET /repos/{owner}/{repo}/installation", { owner, repo });
const narrowed = await app.auth({
  type: "installation",
  installationId: found.id,
  repositoryNames: [repo],
  permissions: { checks: "write", contents: "read" },
});
const installed = octokit({ installationId: found.id });
const { data: repository } = await installed.request("GET /repos/{owner}/{repo}", { owner, repo });
const { data: ref } = await installed.request("GET /repos/{owner}/{repo}/git/ref/{ref}", {
  owner,
  repo,
  ref: "heads/main",
});
const { data: made } = await installed.request("POST /repos/{owner}/{repo}/check-runs", {
  owner,
  repo,
  name: "octokit",
  head_sha: ref.object.sha,
  status: "in_progress",
});
const { data: completed } = await installed.request(
  "PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}",
  {
    owner,
    repo,
    check_run_id: made.id,
    conclusion: "success",
    output: { title: "Done", summary: "All is well." },
  },
);
const { data: deliveries } = await app.request("GET /app/hook/deliveries");

console.log(
  JSON.stringify({
    slug: self.slug,
    narrowed: [narrowed.repositoryNames, narrowed.permissions, narrowed.repositorySelection],
    full_name: repository.full_name,
    check_run: [completed.name, completed.status, completed.conclusion],
    deliveries: deliveries.map((one) => [one.event, one.action, one.status]),
    warnings: warnings.length,
  }),
);
