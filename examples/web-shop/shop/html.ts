/** Text that is HTML already. Everything else that a template is given is escaped. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** `false` and undefined leave nothing. */
type Content = Html | string | number | false | undefined | readonly Html[]

function textOf(content: Content): string {
  if (content === undefined || content === false) return ''
  if (content instanceof Html) return content.text
  if (typeof content === 'object') return content.map(({ text }) => text).join('')
  return String(content).replace(/[&<>"']/g, (character) => entities[character] ?? '')
}

/** @example html`<p title="${title}">${text}</p>` */
export function html(strings: TemplateStringsArray, ...contents: readonly Content[]): Html {
  return new Html(strings.map((string, index) => string + textOf(contents[index])).join(''))
}
