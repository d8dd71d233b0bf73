package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	workloads "mqttbench/profiles"
)

const completionUsage = `mqttbench completion - completion for shells

SYNOPSIS
  mqttbench completion bash|zsh|fish

  source <(mqttbench completion bash)
  mqttbench completion zsh > "${fpath[1]}/_mqttbench"
  mqttbench completion fish > ~/.config/fish/completions/mqttbench.fish

Prints a script that completes commands, flags, profiles, and the values of flags that have only some.
`

// completionCommand prints the script of a shell.
func completionCommand(_ context.Context, args []string, stdout, _ io.Writer) error {
	if wants(args, "--help", "-h") {
		_, err := io.WriteString(stdout, completionUsage)
		return err
	}
	shells := map[string]func() string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}
	if len(args) != 1 || shells[args[0]] == nil {
		return inputError{fmt.Errorf("mqttbench completion bash, zsh or fish, and not %q", strings.Join(args, " "))}
	}
	_, err := io.WriteString(stdout, shells[args[0]]())
	return err
}

// flagWords are the values of flags that have only some. Where it is nil, a file is meant.
var flagWords = map[string][]string{
	"qos": {"0", "1", "2", "0,1,2"}, "pub-qos": {"0", "1", "2"}, "sub-qos": {"0", "1", "2"},
	"pattern": {"pairs", "fan-in", "fan-out"}, "arrivals": {"constant", "poisson", "burst"}, "churn-who": {"publishers", "subscribers", "both"},
	"mqtt": {"3.1", "3.1.1", "5"}, "transport": {"tcp", "tls", "ws", "wss", "unix"}, "client": {"native", "paho"}, "precision": {"precise", "tick", "spin"},
	"driver": {"auto", "epoll", "goroutine"}, "format": {"table", "json", "csv", "bench"}, "live": {"auto", "off"},
	"clean-session": {"true", "false"}, "charts": {"true", "false"}, "broker": {"builtin", "tcp://127.0.0.1:1883"},
	"cafile": nil, "certfile": nil, "keyfile": nil, "out": nil, "pprof": nil, "keep": nil,
}

// faultCompletions are the beginnings of a --fault.
func faultCompletions() []string { return sortedKeys(faultWords) }

// valuesOf are what a flag's value may be; known false: it could be anything, and files says whether it is a file's name.
func valuesOf(name string) (values []string, files bool) {
	switch name {
	case "profile":
		return workloads.Names(), true
	case "fault":
		return faultCompletions(), false
	}
	values, known := flagWords[name]
	return values, known && values == nil
}

// commandFlags are the flags of a command: what its help says, and those of a run where it takes them. The flag set of a run has the last word on
// what takes a value.
func commandFlags(m manual) []option {
	all := options(m.text)
	var s settings
	set := s.flags()
	if m.command != "run" && strings.Contains(m.text, "FLAGS OF A RUN") {
		for _, o := range options(usage) {
			if !slices.ContainsFunc(all, func(x option) bool { return x.long == o.long }) {
				all = append(all, o)
			}
		}
	}
	if m.command == "run" {
		set.VisitAll(func(f *pflag.Flag) {
			i := slices.IndexFunc(all, func(x option) bool { return x.long == f.Name })
			if i < 0 {
				all = append(all, option{long: f.Name})
				i = len(all) - 1
			}
			all[i].short = f.Shorthand
			if f.NoOptDefVal == "" && all[i].value == "" {
				all[i].value = "VALUE"
			}
		})
	}
	return all
}

// verbs are the commands, for completion.
func verbs() (names []string) {
	for _, m := range manuals() {
		names = append(names, m.command)
	}
	return names
}

// takesResults are the commands whose arguments are folders or files.
var takesResults = []string{"compare", "report", "growth", "table"}

func bashCompletion() string {
	var b strings.Builder
	b.WriteString("# bash completion of mqttbench; made by mqttbench completion bash\n_mqttbench() {\n")
	b.WriteString("\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb=run\n\tCOMPREPLY=()\n")
	b.WriteString("\t[[ $cur == = ]] && cur=\n\t[[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD-2]}\n")
	b.WriteString("\tif ((COMP_CWORD > 1)) && [[ ${COMP_WORDS[1]} != -* ]]; then verb=${COMP_WORDS[1]}; fi\n\tcase $prev in\n")
	for _, o := range everyFlag() {
		values, files := valuesOf(o.long)
		names := "--" + o.long
		if o.short != "" {
			names += "|-" + o.short
		}
		switch {
		case o.value == "":
		case len(values) > 0 && files:
			fmt.Fprintf(&b, "\t%s) mapfile -t COMPREPLY < <(compgen -f -W '%s' -- \"$cur\"); return ;;\n", names, strings.Join(values, " "))
		case len(values) > 0:
			fmt.Fprintf(&b, "\t%s) mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$cur\"); return ;;\n", names, strings.Join(values, " "))
		case files:
			fmt.Fprintf(&b, "\t%s) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); return ;;\n", names)
		default:
			fmt.Fprintf(&b, "\t%s) return ;;\n", names)
		}
	}
	b.WriteString("\tesac\n\tlocal words=\n\tcase $verb in\n")
	for _, m := range manuals() {
		fmt.Fprintf(&b, "\t%s) words='", m.command)
		for i, o := range commandFlags(m) {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString("--" + o.long)
		}
		b.WriteString("' ;;\n")
	}
	b.WriteString("\tesac\n\tif [[ $cur == -* ]]; then\n\t\tmapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\")\n")
	fmt.Fprintf(&b, "\telif ((COMP_CWORD == 1)); then\n\t\tmapfile -t COMPREPLY < <(compgen -W '%s' -- \"$cur\")\n", strings.Join(verbs(), " "))
	fmt.Fprintf(&b, "\telif [[ $verb == run || $verb == profiles ]]; then\n\t\tmapfile -t COMPREPLY < <(compgen -f -W '%s' -- \"$cur\")\n", strings.Join(workloads.Names(), " "))
	b.WriteString("\telif [[ $verb == completion ]]; then\n\t\tmapfile -t COMPREPLY < <(compgen -W 'bash zsh fish' -- \"$cur\")\n")
	fmt.Fprintf(&b, "\telif [[ $verb == @(%s) ]]; then\n\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n\tfi\n}\n", strings.Join(takesResults, "|"))
	b.WriteString("complete -o filenames -F _mqttbench mqttbench\n")
	return b.String()
}

// everyFlag are the flags of all commands, each once.
func everyFlag() (all []option) {
	seen := map[string]bool{}
	for _, m := range manuals() {
		for _, o := range commandFlags(m) {
			if !seen[o.long] {
				seen[o.long] = true
				all = append(all, o)
			}
		}
	}
	return all
}

func zshCompletion() string {
	var b strings.Builder
	b.WriteString("#compdef mqttbench\n# zsh completion of mqttbench; made by mqttbench completion zsh\n_mqttbench() {\n\tlocal verb=run\n")
	b.WriteString("\tif ((CURRENT > 2)) && [[ ${words[2]} != -* ]]; then verb=${words[2]}; fi\n")
	b.WriteString("\tif ((CURRENT == 2)) && [[ ${words[2]} != -* ]]; then\n\t\tlocal -a verbs=(")
	for _, m := range manuals() {
		title, _, _ := strings.Cut(m.text, "\n")
		_, what, _ := strings.Cut(title, " - ")
		fmt.Fprintf(&b, " %s", shellQuote(m.command+":"+strings.ReplaceAll(what, ":", " ")))
	}
	b.WriteString(")\n\t\t_describe command verbs\n\t\treturn\n\tfi\n\tcase $verb in\n")
	for _, m := range manuals() {
		fmt.Fprintf(&b, "\t%s) _arguments -s", m.command)
		for _, o := range commandFlags(m) {
			b.WriteString(" \\\n\t\t" + zshFlag(o))
		}
		switch {
		case m.command == "run" || m.command == "profiles":
			fmt.Fprintf(&b, " \\\n\t\t%s", shellQuote("*:profile:("+strings.Join(append([]string{m.command}, workloads.Names()...), " ")+")"))
		case m.command == "completion":
			b.WriteString(" \\\n\t\t'*:shell:(bash zsh fish)'")
		default:
			b.WriteString(" \\\n\t\t'*:file:_files'")
		}
		b.WriteString(" ;;\n")
	}
	b.WriteString("\tesac\n}\nif [[ ${funcstack[1]} == _mqttbench ]]; then _mqttbench \"$@\"; else compdef _mqttbench mqttbench; fi\n")
	return b.String()
}

func zshFlag(o option) string {
	text := strings.NewReplacer("[", "(", "]", ")", ":", " ").Replace(o.text)
	spec := "--" + o.long
	if o.value != "" {
		spec += "="
	}
	spec = "*" + spec + "[" + text + "]"
	if o.value == "" {
		return shellQuote(spec)
	}
	values, files := valuesOf(o.long)
	switch {
	case len(values) > 0:
		quoted := make([]string, len(values))
		for i, v := range values {
			quoted[i] = strings.ReplaceAll(v, ":", `\:`)
		}
		spec += ":value:(" + strings.Join(quoted, " ") + ")"
	case files:
		spec += ":file:_files"
	default:
		spec += ":value:"
	}
	return shellQuote(spec)
}

func fishCompletion() string {
	var b strings.Builder
	b.WriteString("# fish completion of mqttbench; made by mqttbench completion fish\ncomplete -c mqttbench -f\n")
	for _, m := range manuals() {
		title, _, _ := strings.Cut(m.text, "\n")
		_, what, _ := strings.Cut(title, " - ")
		fmt.Fprintf(&b, "complete -c mqttbench -n __fish_use_subcommand -a %s -d %s\n", m.command, shellQuote(what))
		when := "__fish_seen_subcommand_from " + m.command
		if m.command == "run" { // It may be left away.
			when = "not __fish_seen_subcommand_from " + strings.Join(verbs()[1:], " ")
		}
		for _, o := range commandFlags(m) {
			fmt.Fprintf(&b, "complete -c mqttbench -n %s -l %s", shellQuote(when), o.long)
			if o.short != "" {
				b.WriteString(" -s " + o.short)
			}
			if values, files := valuesOf(o.long); o.value != "" {
				b.WriteString(" -r")
				if len(values) > 0 {
					b.WriteString(" -a " + shellQuote(strings.Join(values, " ")))
				}
				if files {
					b.WriteString(" -F")
				}
			}
			if o.text != "" {
				b.WriteString(" -d " + shellQuote(o.text))
			}
			b.WriteByte('\n')
		}
	}
	fmt.Fprintf(&b, "complete -c mqttbench -n '__fish_seen_subcommand_from run profiles' -a %s\n", shellQuote(strings.Join(workloads.Names(), " ")))
	fmt.Fprintf(&b, "complete -c mqttbench -n '__fish_seen_subcommand_from %s' -F\n", strings.Join(takesResults, " "))
	b.WriteString("complete -c mqttbench -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n")
	return b.String()
}

// shellQuote keeps a shell from seeing anything in a text. No newline is in it.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
