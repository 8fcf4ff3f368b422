import type { Evidence, SampleEvidence } from '../findings/evidence.ts'
import { forecast } from '../pressure/forecast.ts'
import { History } from '../pressure/history.ts'
import { parseLine } from '../pressure/learned-line.ts'
import { type LearnedLine, lineOf, Overhead } from '../pressure/memory-line.ts'
import { connectionBudget } from './budget.ts'
import type { Brought, NodeExamination } from './examination.ts'
import { type Look, look, readSettings, unlessRefused } from './look.ts'
import type { Questions } from './questions.ts'
import { verdictOf } from './verdict.ts'

/** One node under examination, look after look. */
export class Patient {
  readonly target: string
  readonly questions: Questions
  readonly #brought: Brought
  readonly #now: () => number
  #history = new History()
  #overhead = new Overhead()
  #settings: Evidence['settings']
  #learned: LearnedLine | undefined
  #sample: SampleEvidence | undefined
  #last: Look | undefined

  constructor(target: string, questions: Questions, brought: Brought, now: () => number) {
    this.target = target
    this.questions = questions
    this.#brought = brought
    this.#now = now
  }

  async look(): Promise<void> {
    const last = await look(this.questions, this.#now)
    const event = this.#history.add(last.vitals)
    if (event?.kind === 'restart' || event?.kind === 'failover') this.#overhead = new Overhead()
    this.#overhead.note(last.vitals)
    this.#last = last
  }

  /** What does not change between looks. */
  async askOnce(): Promise<void> {
    this.#settings = await readSettings(this.questions)
    const { name } = this.#brought.options
    if (name === undefined) return
    const reply = await unlessRefused(
      this.questions.ask({
        command: 'GET',
        args: [`${name}:{plimsoll}:line`],
        shown: 'GET <name>:{plimsoll}:line',
        effect: 'reads one key of Plimsoll: its idle time starts anew, and one hit or miss is counted',
      }),
    )
    this.#learned = typeof reply === 'string' ? parseLine(reply) : undefined
  }

  /** As far as the looks told. */
  get keys(): number | undefined {
    const vitals = this.#last?.vitals
    return vitals?.keyspace?.reduce((sum, { keys }) => sum + keys, 0) ?? vitals?.keys
  }

  takeSample(sample: SampleEvidence): void {
    this.#sample = sample
  }

  examine(): NodeExamination {
    if (this.#last === undefined) throw new Error('nothing was looked at yet')
    const { vitals, commands } = this.#last
    const { purpose, budget } = this.#brought.options
    const { declaredLimit, pod, log } = this.#brought
    const learned = this.#learned
    const trend = this.#history.trend()
    const overhead = this.#overhead.bytes
    const { line, fill, canEvict } = lineOf({ vitals, overhead, declared: declaredLimit, learned })
    const sight = {
      vitals,
      trend,
      line,
      fill,
      canEvict,
      forecast: forecast(this.#history.samples, line?.bytes, canEvict),
    }
    const evidence: Evidence = {
      ...sight,
      target: this.target,
      purpose,
      declaredLimit,
      learned,
      restarts: this.#history.restarts(vitals.at),
      sample: this.#sample,
      settings: this.#settings,
      commands,
      budget: budget === undefined ? undefined : connectionBudget({ ...budget, max: vitals.clients.max }),
      pod,
      log,
    }
    return { target: this.target, verdict: verdictOf(evidence), evidence }
  }
}
