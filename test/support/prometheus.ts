import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './free-port.ts'
import { reapWithThisProcess } from './reaper.ts'
import { until } from './until.ts'

export interface Prometheus {
  /** Names of the alerts that fire now. */
  firing(): Promise<ReadonlySet<string>>
  /** The values that a query answers. */
  query(expression: string): Promise<readonly number[]>
  stop(): Promise<void>
}

/** A Prometheus of its own on the loopback interface that scrapes one service, and evaluates rules, every second. */
export async function startPrometheus(program: string, serviceUrl: string, rules: string): Promise<Prometheus> {
  const folder = await mkdtemp(join(tmpdir(), 'prometheus-'))
  const port = await freePort()
  const configuration = {
    global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
    rule_files: ['rules.yml'],
    scrape_configs: [{ job_name: 'service', static_configs: [{ targets: [new URL(serviceUrl).host] }] }],
  }
  await writeFile(join(folder, 'rules.yml'), rules)
  // JSON is YAML.
  await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(configuration))
  const child = spawn(
    program,
    [
      '--config.file=prometheus.yml',
      '--storage.tsdb.path=data',
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=warn',
    ],
    { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] },
  )
  reapWithThisProcess(child)
  const exited = once(child, 'exit')
  let output = ''
  child.stderr.on('data', (chunk: Buffer) => {
    output = (output + chunk).slice(-4_096)
  })

  async function ask<T>(path: string): Promise<T> {
    const response = await fetch(`http://127.0.0.1:${port}${path}`)
    const answer = (await response.json()) as { status: string; error?: string; data: T }
    if (answer.status !== 'success') throw new Error(`Prometheus answers ${answer.error}`)
    return answer.data
  }

  async function stop(): Promise<void> {
    child.kill('SIGKILL')
    await exited
    await rm(folder, { recursive: true, force: true })
  }

  const ready = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`Prometheus ended with code ${child.exitCode}\n${output}`)
    return fetch(`http://127.0.0.1:${port}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    )
  }
  try {
    await until(ready, 'Prometheus is ready')
  } catch (error) {
    await stop()
    throw error
  }

  return {
    firing: async () => {
      const { alerts } = await ask<{ alerts: { state: string; labels: { alertname: string } }[] }>('/api/v1/alerts')
      return new Set(alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname))
    },
    query: async (expression) => {
      const path = `/api/v1/query?query=${encodeURIComponent(expression)}`
      const { result } = await ask<{ result: { value: [number, string] }[] }>(path)
      return result.map(({ value }) => Number(value[1]))
    },
    stop,
  }
}
