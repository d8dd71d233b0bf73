package main

import (
	"regexp"
	"strings"
)

// A manual is a help text, from which the manual page and the completions of shells are made: so that none of the three says something else.
type manual struct{ command, text string }

// manuals are the help texts of all commands. That of a run stands first and is the program's.
func manuals() []manual {
	return []manual{
		{"run", usage}, {"compare", compareUsage}, {"sweep", sweepUsage}, {"search", searchUsage}, {"profiles", profilesUsage}, {"report", reportUsage}, {"pack", packUsage},
		{"growth", growthUsage}, {"table", tableUsage}, {"calibrate", calibrateUsage}, {"relay", relayUsage}, {"selftest", selftestUsage},
		{"scenarios", scenariosUsage}, {"completion", completionUsage}, {"man", manUsage},
	}
}

// A block is a part of a help text: a heading, an option with what is said of it, or other lines.
type block struct {
	heading string
	option  string   // As in "-q, --qos 0|1|2"; "": none.
	lines   []string // Of an option: what is said of it, without the margin.
}

// entry is the first line of an option: its names and value, two blanks, and the text, which may also begin on the next line.
var entry = regexp.MustCompile(`^ {2,6}((?:-[a-zA-Z], )?--[a-z][^ ]*(?:, --[a-z-]+)*(?: [^ ]+)?)(?: {2,}(.*)| (.*[a-z].*))?$`)

// blocks takes a help text apart.
func blocks(text string) (all []block) {
	var open *block
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		margin := len(line) - len(strings.TrimLeft(line, " "))
		m := entry.FindStringSubmatch(line)
		switch {
		case line == "":
			open = nil
		case margin == 0 && line == strings.ToUpper(line):
			all = append(all, block{heading: line})
			open = nil
		case m != nil:
			all = append(all, block{option: m[1]})
			open = &all[len(all)-1]
			if said := m[2] + m[3]; said != "" {
				open.lines = append(open.lines, said)
			}
		case open != nil && open.option != "" && margin > 6:
			open.lines = append(open.lines, line)
		default:
			if open == nil || open.option != "" {
				all = append(all, block{})
				open = &all[len(all)-1]
			}
			open.lines = append(open.lines, line)
		}
	}
	return all
}

// An option is a flag as a shell should know it.
type option struct {
	long, short string // Without their dashes; short may be "".
	value       string // What it takes, as the help calls it; "": nothing.
	text        string // In one line.
}

var flagName = regexp.MustCompile(`--([a-z][a-z-]*)`)

// options are the flags that a help text tells of, each once. A second one of the same line, as in "--pub-qos, --sub-qos", takes the same.
func options(text string) (all []option) {
	seen := map[string]bool{}
	for _, b := range blocks(text) {
		if b.option == "" {
			continue
		}
		short := ""
		if strings.HasPrefix(b.option, "-") && !strings.HasPrefix(b.option, "--") {
			short = b.option[1:2]
		}
		value := ""
		if i := strings.LastIndexAny(b.option, " ="); i >= 0 && !strings.Contains(b.option[i:], "--") {
			value = b.option[i+1:]
		}
		said := ""
		if len(b.lines) > 0 {
			said = strings.TrimSpace(b.lines[0])
		}
		for i, m := range flagName.FindAllStringSubmatch(b.option, -1) {
			if seen[m[1]] {
				continue
			}
			seen[m[1]] = true
			o := option{long: m[1], value: value, text: said}
			if i == 0 {
				o.short = short
			}
			all = append(all, o)
		}
	}
	return all
}
