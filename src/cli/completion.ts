/** `ringmint completion`: a completion script for bash or zsh, made from the commands as they are. */
import type { Command } from 'commander';

export function completionScript(program: Command, shell: 'bash' | 'zsh'): string {
  const name = program.name();
  const groups = program.commands.filter(({ commands }) => commands.length > 0);
  const cases = [
    ...program.commands
      .filter((command) => !groups.includes(command))
      .map((command) => `    ${command.name()}) words="${wordsOf(command)}" ;;`),
    ...groups.map(
      (group) => `    ${group.name()})
      depth=2
      case "\${COMP_WORDS[2]}" in
${group.commands.map((command) => `        ${command.name()}) words="${wordsOf(command)}" ;;`).join('\n')}
      esac
      if [ "$COMP_CWORD" -eq 2 ]; then words="${namesOf(group)}"; fi ;;`,
    ),
  ];
  return `${shell === 'zsh' ? 'autoload -U +X bashcompinit && bashcompinit\n' : ''}_${name}() {
  local words="" depth=1 current="\${COMP_WORDS[COMP_CWORD]}"
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then words="${namesOf(program)}"; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  case "$current" in -*) ;; *) [ "$COMP_CWORD" -gt "$depth" ] && COMPREPLY+=($(compgen -f -- "$current")) ;; esac
}
complete -F _${name} ${name}
`;
}

function namesOf(command: Command): string {
  return command.commands.map((inner) => inner.name()).join(' ');
}

/** Its options, and the values that its arguments may have. */
function wordsOf(command: Command): string {
  const words = [
    ...command.options.map((option) => option.long ?? ''),
    ...command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
    '--json',
    '--help',
  ];
  return [...new Set(words)].filter((word) => word !== '').join(' ');
}
