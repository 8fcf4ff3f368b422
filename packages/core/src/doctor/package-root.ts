import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of the package: above dist/ where it is installed, above src/doctor/ where it is worked on. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder)
    if (parent === folder) throw new Error('the folder of the package was not found')
    folder = parent
  }
  return folder
}

export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }
  return version
}

/** One of the files that are shipped to be loaded into Prometheus and Grafana. */
export function monitoringFile(name: string): string {
  return readFileSync(join(packageRoot(), 'monitoring', name), 'utf8')
}
