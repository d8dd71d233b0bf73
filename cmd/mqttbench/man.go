package main

import (
	"context"
	"fmt"
	"io"
	"strings"
)

const manUsage = `mqttbench man - the manual page

SYNOPSIS
  mqttbench man

  mqttbench man | man -l -
  mqttbench man > ~/.local/share/man/man1/mqttbench.1

Prints the manual page, in the format of man(7). It says what --help of all commands says.
`

// manCommand prints the manual page.
func manCommand(_ context.Context, args []string, stdout, _ io.Writer) error {
	if wants(args, "--help", "-h") {
		_, err := io.WriteString(stdout, manUsage)
		return err
	}
	if len(args) > 0 {
		return inputError{fmt.Errorf("mqttbench man takes no %q", args[0])}
	}
	_, err := io.WriteString(stdout, manPage())
	return err
}

// manDate is when what the page says was last true.
const manDate = "2026-11-22"

// manPage is the help of all commands as one page.
func manPage() string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH MQTTBENCH 1 %s \"mqttbench %s\" \"User Commands\"\n", manDate, roff(version))
	for i, m := range manuals() {
		title, rest, _ := strings.Cut(m.text, "\n")
		name, what, _ := strings.Cut(title, " - ")
		if i == 0 {
			fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(name), roff(what))
		} else {
			fmt.Fprintf(&b, ".SH \"%s\"\n%s.\n", strings.ToUpper(roff(name)), sentence(what))
		}
		manBlocks(&b, rest, i == 0)
	}
	b.WriteString(".SH \"SEE ALSO\"\n.BR mosquitto (8),\n.BR mosquitto_pub (1)\n")
	return b.String()
}

func sentence(s string) string {
	s = roff(s)
	return strings.TrimRight(strings.ToUpper(s[:1])+s[1:], "?.")
}

// manBlocks writes a help text. Headings are sections of the program's own text, and parts of those of its commands.
func manBlocks(b *strings.Builder, text string, top bool) {
	headed := false
	for _, x := range blocks(text) {
		switch {
		case x.heading != "" && top:
			fmt.Fprintf(b, ".SH \"%s\"\n", roff(x.heading))
		case x.heading != "":
			fmt.Fprintf(b, ".SS %s\n", roff(strings.ToUpper(x.heading[:1])+strings.ToLower(x.heading[1:])))
		case x.option != "":
			fmt.Fprintf(b, ".TP\n.B \"%s\"\n", roff(x.option))
			if len(x.lines) > 0 {
				manLines(b, x.lines)
			}
		default:
			if !headed {
				b.WriteString(".PP\n")
			}
			manLines(b, x.lines)
		}
		headed = x.heading != ""
	}
}

// manLines writes lines: as they are if they are laid out in columns or are commands, otherwise as text.
func manLines(b *strings.Builder, lines []string) {
	asIs := false
	for i, l := range lines {
		asIs = asIs || strings.Contains(strings.TrimSpace(l), "  ") || i == 0 && strings.HasPrefix(l, "  ")
	}
	if asIs {
		b.WriteString(".nf\n")
	}
	margin := -1
	for _, l := range lines {
		if m := len(l) - len(strings.TrimLeft(l, " ")); m > 0 && (margin < 0 || m < margin) {
			margin = m
		}
	}
	for _, l := range lines {
		if asIs && strings.HasPrefix(l, " ") {
			l = l[max(0, min(margin, len(l))):]
		} else {
			l = strings.TrimSpace(l)
		}
		b.WriteString(roff(l) + "\n")
	}
	if asIs {
		b.WriteString(".fi\n")
	}
}

// roff keeps the formatter from taking text for commands, and hyphens from being broken at or made typographic.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, `"`, `\(dq`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}
