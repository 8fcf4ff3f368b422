import { exitCodes } from './exit-codes.ts'

const { fine, warning, critical, couldNotLook, usage, interrupted } = exitCodes

/** Kept within 80 columns. */
export const help = {
  plimsoll: `plimsoll: how full is Redis, what is wrong with it, and what to do

  plimsoll doctor redis://host:6379  look at a Redis, read-only, and report
  plimsoll plan                      size a Redis: memory, policy, limits, Helm
  plimsoll rules                     alert rules for Prometheus
  plimsoll dashboard                 a dashboard for Grafana

  plimsoll <command> --help           what a command takes
  plimsoll --version
`,
  doctor: `plimsoll doctor redis://[user:password@]host[:port][/db]  (rediss:// for TLS)

Looks at a Redis once and tells what is wrong, why it matters and what to do, as
redis-cli commands and as Helm values. It reads INFO twice, a second apart, and
some of CONFIG GET where that is allowed; nothing is written, no key is read
unless --sample or --name say so. Without a URL it takes REDIS_URL, which keeps
a password out of the list of processes.

What you know and Redis cannot know
  --limit 64Mi            memory limit of its container
  --manifest values.yaml  take limits and settings from Helm values or manifests
  --pod pod.json          from kubectl get pod <name> -o json: limits, last end
  --logs previous.log     from kubectl logs --previous
  --purpose cache         what it is for: cache (default), session or queue
  --name shop             name of the cache: shows the limit that its fleet has
                          learned (one GET of one key of Plimsoll)
  --pods N --connections N [--surge 2] [--others 0]
                          connection budget: pods, connections of each, how many
                          times the pods during a rollout, everybody else

How to look
  --sample N              look at N keys too: prefixes, sizes, TTLs, the largest
                          (SCAN, MEMORY USAGE, PTTL, TYPE; the report tells what
                          that adds to the hit counter)
  --show-keys             name the largest keys instead of hashing their names
  --cluster               every primary of the cluster that the URL's node is in
  --ca ca.pem             authority that vouches for the server's certificate
  --timeout 3s            longest wait for one answer: 50ms to 60s
  --watch                 look again and again; q or Ctrl-C ends it
  --interval 1s           between two looks of --watch: 100ms to 1h

How to print
  --json                  one JSON document (with --watch one a look)
  --no-color              no colours, as the variable NO_COLOR

Exit code
  ${fine}    nothing above info       ${warning}    a warning       ${critical}    a critical finding
  ${couldNotLook}    could not look (no server, password, rights or TLS wrong, no answer)
  ${usage}   called wrongly           ${interrupted}  interrupted
`,
  rules: `plimsoll rules [--sdk | --exporter] [--tests]

Prints alert rules for Prometheus. --tests prints their tests, for promtool test
rules, instead.

  --sdk         on the metrics of this SDK (default): plimsoll.rules.yml
  --exporter    on those of redis_exporter: redis-exporter.rules.yml
`,
  dashboard: `plimsoll dashboard

Prints a dashboard to be imported into Grafana (dashboard.json).
`,
} as const
