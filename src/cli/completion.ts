/** `ringmint completion`: a completion script for bash or zsh, made from the commands as they are. */
import type { Command } from 'commander';

export function completionScript(program: Command, shell: 'bash' | 'zsh'): string {
  const name = program.name();
  const cases = program.commands.map((command) => {
    const words = [
      ...command.options.map((option) => option.long ?? ''),
      ...command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
      '--json',
      '--help',
    ];
    return `    ${command.name()}) words="${words.filter((word) => word !== '').join(' ')}" ;;`;
  });
  const commands = program.commands.map((command) => command.name()).join(' ');
  return `${shell === 'zsh' ? 'autoload -U +X bashcompinit && bashcompinit\n' : ''}_${name}() {
  local words current="\${COMP_WORDS[COMP_CWORD]}"
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
    *) words="${commands}" ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then words="${commands}"; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  case "$current" in -*) ;; *) [ "$COMP_CWORD" -gt 1 ] && COMPREPLY+=($(compgen -f -- "$current")) ;; esac
}
complete -F _${name} ${name}
`;
}
