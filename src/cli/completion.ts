/**
 * Completion scripts. They are static, so that the Tab key does not wait for a program to start.
 */

/** The shells that there are scripts for. */
export const shells = ['bash', 'zsh', 'fish'] as const;

/** One of these shells. */
export type Shell = (typeof shells)[number];

interface Word {
  readonly name: string;
  readonly about: string;
}

/** An option, and its values if there is a list of them. */
interface CompletedOption extends Word {
  readonly values: readonly string[];
}

/** A command, and the words that may follow it. */
export interface Completed {
  /** Its names from the program on, such as `keys list`; empty for the program itself. */
  readonly path: string;
  readonly subcommands: readonly Word[];
  readonly options: readonly CompletedOption[];
  /** The values of its argument, if there is a list of them. */
  readonly values: readonly string[];
}

/** Returns the script for a shell. */
export function scriptFor(shell: Shell, commands: readonly Completed[]): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](commands);
}

/** The part that bash and zsh share: finds the command that the words before the cursor name. */
function pathFinder(commands: readonly Completed[]): string {
  const paths = commands.filter(({ path }) => path !== '').map(({ path }) => `'${path}'`);
  return `    case "\${at:+$at }$word" in
      ${paths.join('|')}) at="\${at:+$at }$word" ;;
    esac`;
}

/** The cases of a path and an option with a list of values, for bash and zsh. */
function casesOfValues(
  commands: readonly Completed[],
  setTo: (values: readonly string[]) => string,
): string {
  const cases = commands.flatMap(({ path, options }) =>
    options
      .filter(({ values }) => values.length > 0)
      .map(({ name, values }) => `    '${path} ${name}') ${setTo(values)} ;;`),
  );
  return cases.join('\n');
}

function bashScript(commands: readonly Completed[]): string {
  const cases = commands.map(({ path, subcommands, options, values }) => {
    const plain = [...subcommands.map(({ name }) => name), ...values].join(' ');
    const flags = options.map(({ name }) => name).join(' ');
    return `    '${path}') words='${plain}'; flags='${flags}' ;;`;
  });
  return `# bash completion for edge-authorizer
_edge_authorizer() {
  local current=\${COMP_WORDS[COMP_CWORD]} at='' word words='' flags=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
${pathFinder(commands)}
  done
  case "$at" in
${cases.join('\n')}
  esac
  [[ $current == -* ]] && words=$flags
  case "$at \${COMP_WORDS[COMP_CWORD-1]}" in
${casesOfValues(commands, (values) => `words='${values.join(' ')}'`)}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _edge_authorizer edge-authorizer
`;
}

function zshScript(commands: readonly Completed[]): string {
  const cases = commands.map(({ path, subcommands, options, values }) => {
    const plain = [...subcommands.map(described), ...values.map((name) => quoted(name))];
    return `    '${path}') plain=(${plain.join(' ')}); flags=(${options.map(described).join(' ')}) ;;`;
  });
  return `#compdef edge-authorizer
_edge_authorizer() {
  local at='' word
  local -a plain flags chosen
  for word in "\${(@)words[2,CURRENT-1]}"; do
${pathFinder(commands)}
  done
  case "$at" in
${cases.join('\n')}
  esac
  case "$at \${words[CURRENT-1]}" in
${casesOfValues(commands, (values) => `chosen=(${values.map(quoted).join(' ')})`)}
  esac
  if (( \${#chosen} )); then
    _describe value chosen
  elif [[ \${words[CURRENT]} == -* ]]; then
    _describe option flags
  elif (( \${#plain} )); then
    _describe command plain
  else
    _files
  fi
}
# A file in fpath is run as a function of its name; a file that is sourced is not.
if [[ \${funcstack[1]} == _edge[-_]authorizer ]]; then
  _edge_authorizer "$@"
else
  compdef _edge_authorizer edge-authorizer
fi
`;
}

function fishScript(commands: readonly Completed[]): string {
  const lines = commands.flatMap(({ path, subcommands, options, values }) => {
    const when = `complete -c edge-authorizer -n "test (__edge_authorizer_at) = '${path}'"`;
    return [
      ...subcommands.map(({ name, about }) => `${when} -f -a ${quoted(name)} -d ${quoted(about)}`),
      ...values.map((name) => `${when} -f -a ${quoted(name)}`),
      ...options.map(({ name, about, values }) => {
        const option = `${when} -l ${quoted(name.replace(/^--/, ''))} -d ${quoted(about)}`;
        return values.length === 0 ? option : `${option} -x -a ${quoted(values.join(' '))}`;
      }),
    ];
  });
  const paths = commands.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
  return `# fish completion for edge-authorizer
function __edge_authorizer_at
  set -l at ''
  for word in (commandline -opc)[2..-1]
    set -l next (string trim -- "$at $word")
    contains -- $next ${paths.join(' ')}; and set at $next
  end
  echo "$at"
end
${lines.join('\n')}
`;
}

/** A name with its description, in the form of zsh's _describe. */
function described({ name, about }: Word): string {
  return quoted(`${name.replaceAll(':', '\\:')}:${about}`);
}

/** A text in single quotes. Descriptions need none of their own. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", '’')}'`;
}
